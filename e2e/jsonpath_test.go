package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// lookUp follows a path through decoded JSON. Members are separated by dots;
// "[2]" is an element, "[-1]" the last one, "[name=gdpr]" the first object whose
// member has that text, "length" the length of a list.
//
//	items[name=gdpr].status    items.length    violations[0].controls[-1]
func lookUp(value any, path string) (any, error) {
	for element := range elements(path) {
		next, err := member(value, element)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		value = next
	}
	return value, nil
}

// elements splits a path into members and bracketed selectors; a dot inside
// brackets separates nothing.
func elements(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for path != "" {
			path = strings.TrimPrefix(path, ".")
			end := strings.IndexAny(path, ".[")
			if strings.HasPrefix(path, "[") {
				if end = strings.Index(path, "]") + 1; end == 0 {
					end = len(path)
				}
			} else if end < 0 {
				end = len(path)
			}
			if !yield(path[:end]) {
				return
			}
			path = path[end:]
		}
	}
}

func member(value any, element string) (any, error) {
	selector, bracketed := strings.CutPrefix(element, "[")
	selector = strings.TrimSuffix(selector, "]")
	switch v := value.(type) {
	case map[string]any:
		if next, ok := v[selector]; ok {
			return next, nil
		}
		return nil, fmt.Errorf("no member %q", selector)
	case []any:
		if element == "length" {
			return json.Number(strconv.Itoa(len(v))), nil
		}
		if bracketed {
			return item(v, selector)
		}
	}
	return nil, fmt.Errorf("%q does not fit a %T", element, value)
}

func item(list []any, selector string) (any, error) {
	if name, want, filter := strings.Cut(selector, "="); filter {
		for _, candidate := range list {
			object, _ := candidate.(map[string]any)
			if got, ok := object[name]; ok && fmt.Sprint(got) == want {
				return candidate, nil
			}
		}
		return nil, fmt.Errorf("nothing with %s %q", name, want)
	}
	i, err := strconv.Atoi(selector)
	if err != nil {
		return nil, fmt.Errorf("%q is no index", selector)
	}
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return nil, fmt.Errorf("no element %s of %d", selector, len(list))
	}
	return list[i], nil
}

func TestLookUp(t *testing.T) {
	t.Parallel()
	var doc any
	if err := json.Unmarshal([]byte(`{"items":[{"name":"gdpr","controls":["Art.6","Art.7"]},{"name":"a.b","n":3}],"ok":true}`), &doc); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, want string }{
		{"ok", "true"},
		{"items.length", "2"},
		{"items[0].name", "gdpr"},
		{"items[-1].n", "3"},
		{"items[name=gdpr].controls[1]", "Art.7"},
		{"items[name=a.b].n", "3"},
		{"items[name=none]", ""},
		{"items[5]", ""},
		{"missing", ""},
		{"ok.deeper", ""},
	}
	for _, tt := range tests {
		got, err := lookUp(doc, tt.path)
		if (err != nil) != (tt.want == "") || err == nil && fmt.Sprint(got) != tt.want {
			t.Errorf("lookUp(%q) = %v, %v; want %q", tt.path, got, err, tt.want)
		}
	}
}
