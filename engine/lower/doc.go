// Package lower turns the terms of rules into code: bitmaps first, closures for
// what is about more than one field or needs to compute, cel-go for the rest.
//
// [Build] splits each rule's condition and demand into clauses and sorts them
// into slices by what the condition says of the action's type, the resource's
// type and the tenant. Evaluating ([Matcher.Match]) looks up the slices of an
// action, one row per field it has a say in, and joins the rows: what no field
// made true is violated. Nothing is allocated where no cel-go is involved, and
// nothing is changed but the memory the caller brings.
//
// Meaning is CEL's throughout, errors and absent fields included: the ways of
// evaluating ([BackEnd]) agree on every input.
package lower
