package expr

import (
	"regexp"
	"slices"

	"cel.dev/cel-go/common/operators"
)

// This file is where the messages of cel-go become ours: plain.go applies it.

// wording is what the messages of cel-go that match are in plain words.
type wording struct {
	message *regexp.Regexp
	plain   string // with $1 for what the message says, as a type in ‹›, as choices in «»
	hint    string // what to write instead
}

func words(message, plain, hint string) wording {
	return wording{regexp.MustCompile(`^(?:` + message + `)$`), plain, hint}
}

// Failure is why an expression has no value, as far as cel-go tells.
type Failure uint8

// The failures that are told apart.
const (
	OtherFailure Failure = iota
	ByZero               // it divides by zero
	OutOfRange           // it makes a number or a time that is too large or too small
	Mismatch             // an operator or a function does not take the value
)

// failure is what an evaluation fails for.
type failure struct {
	wording
	recorded string // the plain words without values
	kind     Failure
}

// fails takes messages that repeat values of an action, which may be of several
// lines and say anything.
func fails(message, plain, recorded string, kind Failure) failure {
	return failure{words(`(?s)`+message, plain, ""), recorded, kind}
}

// failures are the reasons for which an evaluation fails.
var failures = []failure{
	fails(`no such key: (.*)`, "the map has no key $1", "it reads a key that is not there", OtherFailure),
	fails(`no such attribute\(s\): (.*)`, "$1 is absent", "it reads $1, which is absent", OtherFailure),
	fails(`index out of bounds: (.*)`, "the list has no element $1", "it reads an element that a list does not have", OtherFailure),
	fails(`(?:division|modulus) by zero`, "it divides by zero", "it divides by zero", ByZero),
	fails(`(?:(?:unsigned )?integer|duration|timestamp) overflow(?:: .*)?`, "the result is too large or too small", "its result is too large or too small", OutOfRange),
	fails(`invalid RFC 3339 timestamp:? (.*)`, "$1 is no time, as 2026-01-31T12:00:00Z is one", "it takes a text for a time that is none", OtherFailure),
	fails(`unknown time zone (.*)`, "$1 is no time zone, as Europe/Oslo is one", "it takes a text for a time zone that is none", OtherFailure),
	fails(`no such overload(?:: .*)?`, "an operator or function does not take values of these types", "an operator or function does not take what is there", Mismatch),
	fails(`reference to undefined type: .*`, "the type of a record has no name", "the type of a record has no name", OtherFailure),
	fails(`type conversion error from '.*' to '(.*)'`, "the value does not become ‹$1›", "a value does not become ‹$1›", OtherFailure),
	fails(`(a loop runs over a list or a map, .*|the regular expression has .*|a text of .* is too long .*|the value is .*, not true or false)`, "$1", "$1", OtherFailure),
}

// failed returns the failure that a message is about; nil if none is known.
func failed(message string) *failure {
	i := slices.IndexFunc(failures, func(f failure) bool { return f.message.MatchString(message) })
	if i < 0 {
		return nil
	}
	return &failures[i]
}

// FailureOf tells why [Expr.Eval] failed.
func FailureOf(err error) Failure {
	if f := failed(err.Error()); f != nil {
		return f.kind
	}
	return OtherFailure
}

// FailureWords says why [Expr.Eval] failed, without values of the action: what is
// recorded must not repeat them, as the messages of cel-go do.
func FailureWords(err error) string {
	if f := failed(err.Error()); f != nil {
		return f.say(err.Error(), f.recorded)
	}
	return "it has no value for this action"
}

// syntaxErrors are what the parser says.
var syntaxErrors = []wording{
	words(`token recognition error at: '((?:['"]|\\[rbRB]['"]).*)'`, "the text that begins with `$1` has no end", `close it with the quote it begins with; a backslash in it is written \\`),
	words(`token recognition error at: '(.*?)\s*'`, "`$1` means nothing in CEL", ""),
	words(`(?:mismatched|extraneous) input '<EOF>' expecting .*IDENTIFIER.*`, "the expression ends where a value is expected", ""),
	words(`(?:mismatched|extraneous) input '(.*)' expecting .*IDENTIFIER.*`, "`$1` stands where a value is expected", ""),
	words(`(?:mismatched|extraneous) input '([)\]}])' expecting <EOF>`, "`$1` closes nothing", "leave it out, or open it"),
	words(`(?:mismatched|extraneous) input '(.*)' expecting <EOF>`, "`$1` stands where an operator such as && or the end of the expression is expected", ""),
	words(`(?:mismatched|extraneous) input '<EOF>' expecting (.*)`, "the expression ends where «$1» is expected", ""),
	words(`(?:mismatched|extraneous) input '(.*)' expecting (.*','.*)`, "`$1` stands where «$2» is expected", "separate elements by commas"),
	words(`(?:mismatched|extraneous) input '(.*)' expecting (.*)`, "`$1` stands where «$2» is expected", ""),
	words(`missing (.*) at '<EOF>'`, "the expression ends where «$1» is expected", ""),
	words(`missing (.*) at '(.*)'`, "`$2` stands where «$1» is expected", ""),
	words(`no viable alternative at input '\.(<EOF>)?'`, "the name of a field is expected behind the dot", ""),
	words(`no viable alternative at input '(.*)'`, "`$1` cannot be read", ""),
	words(`reserved identifier: (.*)`, "`$1` is a word that CEL keeps for itself", ""),
	words(`argument must be a simple name|argument is not an identifier`, "a loop needs a name for the element", loopHint),
	words(`iteration variable overwrites accumulator variable`, "the variable of the loop needs another name", ""),
	words(`invalid (?:int|uint|double) literal`, "the number is too large", ""),
	words(`unsupported syntax '(.*)'`, "`$1` means nothing in CEL", ""),
	words(`expression code point size exceeds limit: .*limit (\d+)`, "the expression has more than $1 characters", ""),
	words(`expression count exceeds limit .*`, "the expression has too many parts", ""),
	words(`error recovery .* limit exceeded: .*`, "too much is wrong to say what else is", ""),
}

// typeErrors are what the type checker says, but for names and operators.
var typeErrors = []wording{
	words(`type '(.*)' does not support field selection`, "there are no fields in ‹$1›", "leave the field out; a function is called with ()"),
	words(`expected type 'bool' but found '(.*)'`, "true or false is expected, and this is ‹$1›", `compare it, as in data.purpose == "support"`),
	words(`expected type '(.*)' but found '(.*)'`, "‹$1› is expected, and this is ‹$2›", "give both the same type"),
	words(`expression of type '(.*)' cannot be range of a comprehension.*`, "a loop goes through a list or a map, and this is ‹$1›", "loop through a list, as in data.categories"),
}

// typeMark and choiceMark are where a wording says a type, and what the parser
// expected.
var (
	typeMark   = regexp.MustCompile(`‹[^›]*›`)
	choiceMark = regexp.MustCompile(`«[^»]*»`)
)

// syntaxHints are what to write in place of words and signs that CEL does not
// have, or not there.
var syntaxHints = map[string]string{
	"=": "write == to compare", "===": "write ==", "!==": "write !=", "<>": "write !=", "=<": "write <=", "=>": "write >=",
	"=~": `write text.matches("pattern")`, "~=": `write text.matches("pattern")`,
	"&": "write && for and", "|": "write || for or", "and": "write &&", "or": "write ||", "not": "write ! before what is negated",
	"is": "write ==", "equals": "write ==", "contains": `write text.contains("part"), or for an element of a list "a" in list`,
	"startswith": `write text.startsWith("begin")`, "endswith": `write text.endsWith("end")`,
	"matches": `write text.matches("pattern")`, "like": `write text.matches("pattern")`, "between": "write low <= x && x <= high",
	"‘": `write straight quotes: "text"`, "’": `write straight quotes: "text"`, "“": `write straight quotes: "text"`, "”": `write straight quotes: "text"`,
	"„":  `write straight quotes: "text"`,
	";":  "an expression is one condition; join several by &&",
	"if": "write condition ? yes : no", "then": "write condition ? yes : no", "else": "write condition ? yes : no",
	"exists": loopHint, "all": loopHint, "map": loopHint, "filter": loopHint, "exists_one": loopHint,
}

const loopHint = `write list.exists(x, x == "a")`

// usages are how functions are called.
var usages = map[string]string{
	"has": "has(data.purpose)", "size": "size(list)", "type": "type(x)", "dyn": "dyn(x)",
	"exists": `list.exists(x, x == "a")`, "all": `list.all(x, x != "a")`, "exists_one": `list.exists_one(x, x == "a")`,
	"map": "list.map(x, x + 1)", "filter": `list.filter(x, x != "a")`,
	"matches": `text.matches("pattern")`, "contains": `text.contains("part")`, "startsWith": `text.startsWith("begin")`, "endsWith": `text.endsWith("end")`,
	"string": "string(x)", "int": "int(x)", "uint": "uint(x)", "double": "double(x)", "bool": "bool(x)", "bytes": "bytes(text)",
	"timestamp": `timestamp("2026-01-31T12:00:00Z")`, "duration": `duration("24h")`,
}

// typeSamples are values of types, by the functions of the same name.
var typeSamples = map[string]string{
	"string": `""`, "int": "0", "uint": "0u", "double": "0.0", "bool": "true", "bytes": `b""`, "list": "[]", "map": "{}", "null_type": "null",
}

// strangeNames are what other languages call something.
var strangeNames = map[string]string{
	"True": "write true", "TRUE": "write true", "False": "write false", "FALSE": "write false",
	"null_value": absentHint, "undefined": absentHint, "nil": absentHint, "None": absentHint, "NULL": absentHint,
	"AND": "write &&", "OR": "write ||", "NOT": "write ! before what is negated", "and": "write &&", "or": "write ||", "not": "write ! before what is negated",
	"len": "write size(x)", "length": "write size(x)", "count": "write size(x)",
	"any": "write " + usages["exists"], "some": "write " + usages["exists"], "every": "write " + usages["all"], "forall": "write " + usages["all"],
	"includes": `write text.contains("part"), or "a" in list`, "include": `write text.contains("part"), or "a" in list`, "indexOf": `write text.contains("part")`,
	"toLowerCase": caseHint, "toUpperCase": caseHint, "lower": caseHint, "upper": caseHint, "lowerAscii": caseHint, "upperAscii": caseHint,
	"now": "no clock can be read; timestamp says when it was asked", "getenv": "only the action and params can be read",
	"regex": "write " + usages["matches"], "isEmpty": "write size(x) == 0", "is_empty": "write size(x) == 0",
}

const (
	absentHint = "whether a field is stated is asked by has(data.purpose)"
	caseHint   = `list the spellings, x in ["a", "A"], or write x.matches("(?i)^a$")`
)

// operatorMismatches are what operators cannot do.
var operatorMismatches = map[string]struct {
	operands int
	says     string
}{
	operators.Equals: {2, "cannot compare $1 with $2: `==`"}, operators.NotEquals: {2, "cannot compare $1 with $2: `!=`"},
	operators.Less: {2, "cannot compare $1 with $2: `<`"}, operators.LessEquals: {2, "cannot compare $1 with $2: `<=`"},
	operators.Greater: {2, "cannot compare $1 with $2: `>`"}, operators.GreaterEquals: {2, "cannot compare $1 with $2: `>=`"},
	operators.Add: {2, "cannot add $1 and $2: `+`"}, operators.Subtract: {2, "cannot subtract $2 from $1: `-`"},
	operators.Multiply: {2, "cannot multiply $1 by $2: `*`"}, operators.Divide: {2, "cannot divide $1 by $2: `/`"},
	operators.Modulo: {2, "cannot divide $1 by $2: `%`"}, operators.In: {2, "cannot look for $1 in $2: `in`"},
	operators.LogicalNot: {1, "cannot negate $1: `!`"}, operators.Negate: {1, "cannot negate $1: `-`"},
	operators.Index: {2, "cannot take an element of $1 by $2: `[…]`"}, operators.Conditional: {3, "cannot choose between $1 and $2: `? :`"},
}

// plainTypes are the types of CEL in words.
var plainTypes = map[string]string{
	"bool": "true or false", "int": "a whole number", "uint": "a number without sign", "double": "a number", "string": "text", "bytes": "bytes",
	"null": "null", "null_type": "null", "dyn": "a value of any type", "type": "a type",
	"timestamp": "a time", "google.protobuf.Timestamp": "a time", "duration": "a duration", "google.protobuf.Duration": "a duration",
}
