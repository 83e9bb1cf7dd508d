// Package enginetest is what the engine is tested against: a second, simple
// interpreter of the policy language, a generator of policies and actions, and
// a comparison of back ends that ends in the smallest example it can find.
//
// [Interpreter] was written from the documents alone: the policy language, the
// reference of the action and the public specification of CEL. It has its own
// reader of CEL and walks the tree over plain decoded JSON. It is slow and
// meant to be read. It shares no code with the engine, and none of cel-go, so
// that a misunderstanding has to be had twice to go unseen. It may know the
// published schemas and the vocabulary, and nothing else of the product.
//
// [Generator] makes sets of policies and actions from a seed: everything the
// published schemas allow, drawn from one small vocabulary so that rules fire.
// The built-in sections come from the policy's schema, so that a new section is
// generated as soon as it is published.
//
// A [Backend] is anything that can decide: the interpreter, the engine, the
// engine with other options. [Compare] runs a set through several and returns
// the first [Difference].
//
// The package never reaches a binary.
package enginetest
