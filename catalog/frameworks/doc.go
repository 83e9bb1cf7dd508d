// Package frameworks is the catalog of compliance frameworks and their
// controls: what a policy's control labels are resolved against, and what
// coverage and posture are counted over.
//
// [Load] reads the embedded lists into a [Catalog], an immutable value that
// is safe for concurrent use. [Catalog.Resolve], [Catalog.Nearest] and
// [Catalog.Known] make it the control index that a policy linter is given;
// they forgive the many ways in which people cite a control ("Article 17(2)",
// "AC-2 (1)", "45 CFR § 164.312(e)(1)"). [Catalog.Framework],
// [Catalog.Frameworks] and [Catalog.Controls] list what there is.
//
// The lists hold identifiers, short titles, the place of a control in its
// framework, whom it binds and how it can be met. They hold no text of
// standards; where even titles are copyrighted, Control.Topic says in the
// project's own words what a control is about. How a control is met
// ([Enforcement]) is this project's reading of it, not legal advice.
//
// The package decides nothing and binds nothing: the rules that serve a
// control stand in the bundles under packs/, which are signed and published
// like any vendor's.
package frameworks

// The lists are written by convert from the project's reference data.
//go:generate go run ./convert
