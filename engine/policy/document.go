// Package policy reads the policy language: YAML whose shape is given by a
// published JSON Schema ([Schema]), turned by [Parse] into a tree that knows
// where in the file each part stands.
//
// Parse checks syntax and shape and reports everything it finds at once, each
// with a position. What expressions mean, and whether controls exist, is
// checked by engine.Lint, which needs a type checker and a catalog of controls.
package policy

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
)

// Document is one policy. It is immutable after [Parse].
type Document struct {
	File    string
	Version string // of the language, 3.x.y; with bases the highest of them
	// Extends is the base that the document narrows; nil if it stands alone.
	Extends *Base
	// Bases are the policies that [Resolve] merged the document with, the
	// nearest first.
	Bases       []Base
	Name        string
	Description string
	Framework   Label // as written; empty if the document names none
	// DenyByDefault is true for "default: deny": an action no rule looks at is
	// denied.
	DenyByDefault bool
	DefaultAt     mesh.Position // of the key that says so or otherwise; zero where none does
	Params        []Param       // declared parameters, in the order of the file
	Bindings      []Binding     // controls given to built-in rules by the document
	Rules         []Rule        // built-in and custom, in the order of the file; those of a base first
	Enforcement   Enforcement

	own *written // what only a merge needs; nil where there will be none
	// partial is true for what is left of a document with errors, and lacks
	// says of which keys of the file something was taken out.
	partial bool
	lacks   map[string]bool
}

// Partial reports whether the document is what [Salvage] or [ResolveRest] made
// of one with errors. The rest of it can be checked, and nothing may be decided
// by it.
func (d *Document) Partial() bool { return d.partial }

// Lacks reports whether something that the file says below one of the keys is
// missing in a partial document. What its base says, where that was not read, is
// missing below "extends".
func (d *Document) Lacks(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return d.lacks[key] })
}

// Label is a name as the author wrote it, and where.
type Label struct {
	Value    string
	Position mesh.Position
}

// Word is a label that stands where words of a vocabulary do.
type Word struct {
	Label
	Vocabulary string // the name of a [primitives.Vocabulary]
}

// Binding gives controls to a built-in rule, in place of those its primitive
// serves.
type Binding struct {
	Rule     Label
	Controls []Label
	// Further is true if the controls come on top of the primitive's: a
	// profile may name more controls for a rule of its base, and no fewer.
	Further bool
}

// Rule is one rule, either built-in (Primitive is set) or custom (Require or
// Obligations is set).
type Rule struct {
	ID       string // a custom rule's id, or the YAML path below rules
	Position mesh.Position
	// Damaged is true for a rule of a partial document that says something else
	// than the file, or reads what is not known.
	Damaged bool
	// Added is true for a rule that a profile adds to a base that denies by
	// default. It may refuse more, but that it looks at an action does not
	// keep the base from denying it.
	Added bool

	// Primitive is the id of the built-in rule in engine/primitives, and
	// Values are its parameters by the name its CEL knows them by.
	Primitive string
	Values    map[string]any
	// Words are what it names, of a built-in rule, where there is a vocabulary.
	Words []Word

	Controls       []Label // as written
	When           Expr    // empty means every action
	Require        Expr    // empty means always satisfied: the rule only obliges
	Severity       mesh.Severity
	Message        string
	Recommendation string
	Obligations    []mesh.Obligation
}

// Param is a parameter that whoever subscribes to the policy may set, and that
// rules read as params.NAME. What it says of values it says, of an array, of
// the elements, except for the number of them. The zero value of a bound is
// none.
type Param struct {
	Name        string
	Position    mesh.Position
	Type        ParamType
	Items       ParamType // element type of an array
	Description string
	Default     any // nil: must be given. string, int64, float64, bool or []any of those
	Enum        []any
	Minimum     *float64
	Maximum     *float64

	MinLength *int   // characters of a text
	MaxLength *int   // the same
	Pattern   string // RE2 that must be found in a text
	Format    string // of a text: a format of JSON Schema

	MinItems    *int // elements of an array
	MaxItems    *int // the same
	UniqueItems bool // no element of an array twice

	keys map[string]mesh.Position // of the values the file gives, by key
}

// ParamType is the type of a parameter, in JSON Schema's words.
type ParamType string

// The types a parameter can have.
const (
	TypeString  ParamType = "string"
	TypeInteger ParamType = "integer"
	TypeNumber  ParamType = "number"
	TypeBoolean ParamType = "boolean"
	TypeArray   ParamType = "array"
)

// Enforcement says what a violation of the policy does.
type Enforcement struct {
	Mode mesh.Mode
	// Severity is that of built-in rules' violations, from the block action.
	Severity mesh.Severity
	Actions  []ViolationAction
}

// ActionBlock is the one of actions_on_violation that the engine reads; the others
// are alert and log.
const ActionBlock = "block"

// ViolationAction is one instruction of actions_on_violation. Alert and log
// are instructions to the hub and the journal, never obligations to an
// enforcement point.
type ViolationAction struct {
	Action      string
	Severity    mesh.Severity // block
	Channels    []string      // alert
	Recipients  []string      // alert
	Destination string        // log
	Position    mesh.Position
}

// ControlIndex knows the controls of compliance frameworks. Lint is given one
// by whoever has a catalog.
type ControlIndex interface {
	// Resolve returns the canonical id of a control written with some
	// forgiveness ("Article 17(2)" of gdpr is gdpr:Art.17).
	Resolve(framework mesh.FrameworkID, label string) (id mesh.ControlID, ok bool)
	// Nearest returns the label of the framework that resembles this one
	// most, or "".
	Nearest(framework mesh.FrameworkID, label string) string
	// Known reports whether the framework is in the catalog. The controls of
	// others are accepted as written.
	Known(framework mesh.FrameworkID) bool
}
