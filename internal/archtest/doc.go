// Package archtest holds the architecture rules of the project as tests: which
// package may import which, who owns each third-party module, what the edge
// program must not link, and the shape that functions and package names keep.
//
// Everything is denied by default. A new package has to be placed in layers, a
// new direct dependency in owners, each with its reason; a rule about a package
// that is gone fails. ARCHITECTURE.md says in prose what stands here as tables.
//
// The tests read the source tree and the module cache themselves. They do not
// ask the go command: go test would then not know what the answer depends on
// and would report an old pass from its cache.
//
// The package has no code outside its tests and is imported by nobody.
package archtest
