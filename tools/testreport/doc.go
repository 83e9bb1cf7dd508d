// Command testreport runs `go test -json` commands, prints what a person wants
// to read of them and refuses tests that were skipped without saying a reason
// that is allowed.
//
//	testreport [-strict-skips] [-allow-skip REGEXP] -- go test -json ./... [-- go test -json ./e2e/...]
//
// The commands run in the order given, all of them even when one fails, and
// their counts are added up. A package that passes is one line; a test that
// fails is printed with everything it wrote; every skipped test is listed with
// its reason. The closing line is "N passed, N failed, N skipped", counted in
// tests and subtests without children of their own.
//
// The exit status is 0 when every command succeeded and no skip was refused,
// 1 otherwise and 2 for a usage error.
package main
