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
// Where the documents leave a question open, it follows the product, and these
// are all such places: a rule whose when fails has looked at the action; a
// request that is exempt from a clock or a format is not looked at by that
// rule; where the status of a request is absent, the rules about it are
// violated; a finding that was counted zero times is neither personal nor
// health data; and of CEL itself, where cel-go leaves the specification: has()
// is false on a value that holds nothing and fails on a list; an integer beside
// a double has a double's precision.
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
