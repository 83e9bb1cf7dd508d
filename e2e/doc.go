// Package e2e tests the built programs the way people use them: bin/mesh and
// bin/mesh-runtime as processes, against real clients (oras, cosign) and a
// second registry (distribution), over the loopback interface.
//
// A story is one script in testdata, in the language of testscript
// (https://pkg.go.dev/github.com/rogpeppe/go-internal/testscript) with the
// commands of steps_test.go. What needs a program rather than a script, such as
// crashing a runtime among twenty thousand decisions, is a Go test beside it.
//
// `make e2e` builds the programs and tools first; E2E=NAME picks one test. No
// package of ours is imported: what is tested here is what is shipped.
package e2e
