package decode

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// checkType refuses an action type that no rule can be meant to know. A known one
// in another spelling would be an action that no built-in rule looks at.
func checkType(given string) *flaw {
	const rule, path = "action-type", "action.type"
	if given == "" {
		return &flaw{"missing-field", path, "the field is missing or empty", "say what the agent asks to do, for example model.call, tool.call or data.read"}
	}
	if slices.Contains(mesh.ActionTypes(), given) {
		return nil
	}
	for _, known := range mesh.ActionTypes() {
		if respelled(given, known) {
			return &flaw{rule, path, "this is " + known + " in another spelling, which no rule would know", "write " + known}
		}
	}
	if strings.TrimSpace(given) != given || strings.ContainsFunc(given, func(r rune) bool { return term.Hidden(r) || !unicode.IsGraphic(r) }) {
		return &flaw{rule, path, "an action type has no blanks around it and no invisible characters", "send the type as your rules write it"}
	}
	return nil
}

// respelled reports whether a text is a known action type but for the case of its
// letters and what stands between or around its words.
func respelled(given, known string) bool {
	between := func(r rune) bool { return term.Hidden(r) || !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for {
		given, known = strings.TrimLeftFunc(given, between), strings.TrimLeftFunc(known, between)
		if given == "" || known == "" {
			return given == known
		}
		a, n := utf8.DecodeRuneInString(given)
		b, m := utf8.DecodeRuneInString(known)
		if unicode.ToLower(a) != b {
			return false
		}
		given, known = given[n:], known[m:]
	}
}
