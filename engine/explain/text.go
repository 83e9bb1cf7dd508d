package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// The bounds of a value in a sentence.
const (
	maxValue        = 200 // characters
	maxElementText  = 40  // characters of a text within a list or an object
	maxElements     = 5   // of a list or an object
	maxElementDepth = 3   // lists and objects within each other
)

// ValueText is a value of an action in a sentence; "absent" for nil. Of what is
// long it shows the beginning and says that, and of lists and objects how much,
// there is more. Keys are sorted, so that the same value always reads the same.
func ValueText(v any) string {
	if v == nil {
		return "absent"
	}
	switch v := v.(type) {
	case string:
		return beginning(v, maxValue, term.TextWords)
	case mesh.ContentFinding:
		if v.Type != nil {
			return beginning(*v.Type, maxValue, term.TextWords)
		}
	}
	text := valueText(v, 0)
	if short, cut := firstRunes(text, maxValue+maxElements*maxElementText); cut {
		return short + "…"
	}
	return text
}

// valueText is a value as JSON, with blanks behind commas and colons.
func valueText(v any, depth int) string {
	if depth > maxElementDepth {
		return "…"
	}
	switch v := v.(type) {
	case []string:
		return listText(v, depth)
	case []any:
		return listText(v, depth)
	case []mesh.ContentFinding:
		return listText(v, depth)
	case map[string]any:
		if v != nil {
			return objectText(v, depth)
		}
	case mesh.ContentFinding:
		finding := map[string]any{}
		if v.Type != nil {
			finding["type"] = *v.Type
		}
		if v.Count != nil {
			finding["count"] = *v.Count
		}
		return objectText(finding, depth)
	case string:
		return beginning(v, maxElementText, jsonText[string])
	}
	return jsonText(v)
}

func listText[T any](list []T, depth int) string {
	var parts []string
	for _, e := range list[:shownOf(len(list))] {
		parts = append(parts, valueText(e, depth+1))
	}
	return "[" + strings.Join(withMore(parts, len(list)), ", ") + "]"
}

func objectText(object map[string]any, depth int) string {
	var parts []string
	keys := slices.Sorted(maps.Keys(object))
	for _, key := range keys[:shownOf(len(keys))] {
		parts = append(parts, beginning(key, maxElementText, jsonText[string])+": "+valueText(object[key], depth+1))
	}
	return "{" + strings.Join(withMore(parts, len(keys)), ", ") + "}"
}

// shownOf returns how many of so many elements are shown: all of them where to
// say that there is one more takes no less room.
func shownOf(n int) int {
	if n <= maxElements+1 {
		return n
	}
	return maxElements
}

// withMore says behind what is shown how much is not.
func withMore(shown []string, of int) []string {
	if more := of - len(shown); more > 0 {
		return append(shown, "… and "+grouped(more)+" more")
	}
	return shown
}

// grouped writes a number with its thousands apart.
func grouped(n int) string {
	const group = 1_000
	if n < group {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/group), n%group)
}

// beginning writes a text, or as many of its characters with a mark behind them.
func beginning(text string, most int, write func(string) string) string {
	if short, cut := firstRunes(text, most); cut {
		return write(short) + "…"
	}
	return write(text)
}

// firstRunes returns the first characters of a text, and whether it has more.
func firstRunes(text string, most int) (first string, cut bool) {
	n := 0
	for i := range text {
		if n == most {
			return text[:i], true
		}
		n++
	}
	return text, false
}

// jsonText is a value as JSON for people: nothing is escaped but what cannot be
// seen.
func jsonText[T any](v T) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "a value"
	}
	return term.Visible(strings.TrimSuffix(b.String(), "\n"))
}
