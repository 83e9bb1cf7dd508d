package expr

import (
	"slices"
	"strings"
	"unicode"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
)

// choiceWords says what the parser expected: {']', ','} is "`]` or `,`".
func choiceWords(set string) string {
	var out []string
	for token := range strings.SplitSeq(strings.Trim(set, "{}"), ", ") {
		switch {
		case strings.HasPrefix(token, "'"):
			out = append(out, "`"+strings.Trim(token, "'")+"`")
		case token == "IDENTIFIER" || token == "ESC_IDENTIFIER":
			out = append(out, "a name")
		default:
			out = append(out, "something else")
		}
	}
	return strings.Join(slices.Compact(out), " or ")
}

// plainFailure words why something fails.
func plainFailure(err error) string {
	if f := failed(err.Error()); f != nil {
		return f.say(err.Error(), f.plain)
	}
	return err.Error()
}

// reword says a message in plain words, as far as the table has any.
func reword(table []wording, message string) string {
	for _, w := range table {
		if w.message.MatchString(message) {
			return w.say(message, w.plain)
		}
	}
	return message
}

// say puts what the message says into words.
func (w wording) say(message, words string) string {
	words = typeMark.ReplaceAllStringFunc(w.message.ReplaceAllString(message, words), func(mark string) string {
		return typeWords(strings.Trim(mark, "‹›"))
	})
	return choiceMark.ReplaceAllStringFunc(words, func(mark string) string { return choiceWords(strings.Trim(mark, "«»")) })
}

// hintOf returns the hint that the table has for a message.
func hintOf(table []wording, message string) string {
	for _, w := range table {
		if w.message.MatchString(message) {
			return w.hint
		}
	}
	return ""
}

// syntaxHint is the hint for what stands at an offset, or else right before it.
func syntaxHint(source []rune, offset int) string {
	at := min(offset, len(source))
	if hint := syntaxHints[strings.ToLower(tokenAt(source, at))]; hint != "" {
		return hint
	}
	for at > 0 && strings.ContainsRune(" \t\n(", source[at-1]) {
		at--
	}
	if at == 0 {
		return ""
	}
	return syntaxHints[strings.ToLower(tokenAt(source, at-1))]
}

// tokenAt returns the word, or the run of signs, that stands at an offset. Quotes
// are tokens by themselves.
func tokenAt(source []rune, at int) string {
	if at >= len(source) {
		return ""
	}
	class := classOf(source[at])
	begin, end := at, at+1
	for class != nil && begin > 0 && class(source[begin-1]) {
		begin--
	}
	for class != nil && end < len(source) && class(source[end]) {
		end++
	}
	return string(source[begin:end])
}

// classOf returns what the characters have in common that form a token with r;
// nil if it is one alone.
func classOf(r rune) func(rune) bool {
	isWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	isSign := func(r rune) bool { return strings.ContainsRune("=!<>&|~", r) }
	switch {
	case isWord(r):
		return isWord
	case isSign(r):
		return isSign
	}
	return nil
}

// usageOf says how a function is called.
func usageOf(name string) string {
	switch {
	case usages[name] != "":
		return usages[name]
	case calendar[name] != nil || name == overloads.TimeGetFullYear:
		return "timestamp." + name + "()"
	}
	return name + "()"
}

// mismatch words that an operator or a function does not take what it is given,
// as cel-go writes it: (string, int), or string.(int) of a function of a value.
func (e *Env) mismatch(function, signature string) (message, hint string) {
	target, list, member := strings.Cut(signature, ".(")
	if strings.HasPrefix(signature, "(") {
		target, list, member = "", signature[1:], false
	}
	args := splitTypes(strings.TrimSuffix(list, ")"))
	plain := make([]string, len(args))
	for i, a := range args {
		plain[i] = typeWords(a)
	}
	if function == operators.Conditional && len(args) == 3 {
		if args[0] != "bool" && args[0] != "dyn" {
			message := "expected type 'bool' but found '" + args[0] + "'"
			return "CEL: " + reword(typeErrors, message), hintOf(typeErrors, message)
		}
		plain = plain[1:]
	}
	if o, ok := operatorMismatches[function]; ok && len(args) == o.operands {
		return "CEL: " + strings.NewReplacer("$1", plain[0], "$2", plain[len(plain)-1]).Replace(o.says), e.operandHint(function, args)
	}
	hint = "write " + usageOf(function)
	given := strings.Join(plain, " and ")
	if given == "" {
		return "CEL: " + function + "() needs something to look at", hint
	}
	if member {
		if function == "contains" && strings.HasPrefix(target, "list") {
			hint = `write "a" in list`
		}
		return "CEL: " + function + "() of " + typeWords(target) + " does not take " + given, hint
	}
	return "CEL: " + function + "() does not take " + given, hint
}

// operandHint says what an operator takes instead.
func (e *Env) operandHint(function string, args []string) string {
	is := func(names ...string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return slices.Contains(names, a) })
	}
	switch record := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "mesh.") }); {
	case function == operators.In && strings.HasPrefix(args[1], "list(mesh."):
		return `compare a field of the elements, as in list.exists(x, x.type == "EMAIL")`
	case function == operators.In && strings.HasPrefix(args[1], "list"):
		return "the elements of the list are of another type"
	case function == operators.In && args[1] == "string":
		return `look for one of several texts by x in ["a", "b"], for a part of a text by text.contains("part")`
	case function == operators.In:
		return `in takes a list, as in x in ["a", "b"], or a map`
	case record >= 0:
		return e.compareHint(args[record])
	case function == operators.LogicalNot:
		return e.compareHint(args[0])
	case function == operators.Negate:
		return "- takes a number"
	case function == operators.Index:
		return `elements of a list have whole numbers, from 0; "a" in list looks for one`
	case function == operators.Conditional:
		return "around : stand two values of one type"
	case slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "map") }):
		return "read a key of the map, as in context.approved"
	case is("null"):
		return absentHint
	case is("timestamp", "google.protobuf.Timestamp") && is("string"):
		return "write the time as " + usages["timestamp"]
	case is("timestamp", "google.protobuf.Timestamp") && is("int", "double"):
		return "write the span of time as " + usages["duration"]
	case is("bool") && is("string"):
		return "write true and false without quotes"
	case is("int") && is("double"):
		return "write both with a decimal point, or neither; double(x) and int(x) convert"
	}
	return "both sides must be of one type"
}

// compareHint says what to do with a value that is not true or false.
func (e *Env) compareHint(name string) string {
	if o := e.types.objects[name]; o != nil && len(o.names) > 0 {
		names, more := o.names, ""
		if len(names) > few {
			names, more = names[:few], ", …"
		}
		return "name one of its fields: " + strings.Join(names, ", ") + more
	}
	switch {
	case name == "string":
		return `compare it, as in x == "a"`
	case name == "int" || name == "double" || name == "uint":
		return "compare it, as in x > 0"
	case strings.HasPrefix(name, "list"):
		return `ask for an element, as in "a" in list, or for its size`
	}
	return "compare it with something, for example with == true"
}

// few is how many names a hint lists.
const few = 8

// splitTypes cuts a list of types at the commas that are not within one.
func splitTypes(list string) []string {
	if list == "" {
		return nil
	}
	var out []string
	depth, begin := 0, 0
	for i, r := range list {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			out = append(out, strings.TrimSpace(list[begin:i]))
			begin = i + 1
		}
	}
	return append(out, strings.TrimSpace(list[begin:]))
}

// typeWords says a type as cel-go writes it in words.
func typeWords(name string) string {
	if plain, ok := plainTypes[name]; ok {
		return plain
	}
	head, rest, _ := strings.Cut(name, "(")
	of := strings.TrimSuffix(rest, ")")
	switch {
	case strings.HasPrefix(name, recordPrefix):
		return strings.TrimPrefix(name, recordPrefix) + " as a whole"
	case strings.HasPrefix(name, "mesh."):
		return "a record"
	case head == "list" && of == "string":
		return "a list of texts"
	case head == "list" && strings.HasPrefix(of, "mesh."):
		return "a list of records"
	case head == "list" && (of == "int" || of == "double"):
		return "a list of numbers"
	case head == "list":
		return "a list"
	case head == "map":
		return "a map"
	case head == "type":
		return "a type"
	case head == "wrapper":
		return typeWords(of)
	}
	return "a value of another type"
}
