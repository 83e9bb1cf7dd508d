package catalog

import (
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

// maxCursorLength bounds what is decoded of a client's cursor.
const maxCursorLength = 1024

// Limit returns how many elements a page has: n, or the default for 0. What is
// outside 1 to [hubapi.MaxPageSize] is [mesh.CodeInvalid].
func Limit(n int) (int, error) {
	switch {
	case n == 0:
		return hubapi.DefaultPageSize, nil
	case n < 0 || n > hubapi.MaxPageSize:
		return 0, mesh.Errorf(mesh.CodeInvalid, "limit %d is not within 1 to %d", n, hubapi.MaxPageSize)
	}
	return n, nil
}

// encodeCursor makes an opaque cursor of the key of the last element. kind
// keeps the cursor of one list from being used for another.
func encodeCursor(kind, key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + key))
}

// decodeCursor returns the key in a cursor, "" for an empty cursor.
func decodeCursor(kind, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	prefix := kind + ":"
	if err != nil || len(cursor) > maxCursorLength || len(raw) <= len(prefix) || string(raw[:len(prefix)]) != prefix {
		return "", mesh.Errorf(mesh.CodeInvalid, "the cursor is not one of this list").
			WithHint("pass the next of the page before as it is, with the same other parameters")
	}
	return string(raw[len(prefix):]), nil
}

// paged lists one page: fetch returns up to limit elements behind a key, and
// is asked for one more than fits, which tells whether there is a next page.
func paged[T any](kind, cursor string, limit int, fetch func(after string, limit int) ([]T, error), key func(T) string) (hubapi.Page[T], error) {
	none := hubapi.Page[T]{Items: []T{}}
	size, err := Limit(limit)
	if err != nil {
		return none, err
	}
	after, err := decodeCursor(kind, cursor)
	if err != nil {
		return none, err
	}
	items, err := fetch(after, size+1)
	if err != nil {
		return none, fmt.Errorf("listing %s: %w", kind, err)
	}
	if items == nil {
		items = []T{}
	}
	page := hubapi.Page[T]{Items: items}
	if len(items) > size {
		page.Items = items[:size]
		page.Next = encodeCursor(kind, key(items[size-1]))
	}
	return page, nil
}

// PageOf lists one page of a list that is at hand, such as the controls of a
// framework. A cursor names the last element by its key, so that a page goes on
// at the right place if the list got longer.
func PageOf[S, T any](kind string, all []S, cursor string, limit int, key func(S) string, describe func(S) T) (hubapi.Page[T], error) {
	page, err := paged(kind, cursor, limit, func(after string, n int) ([]S, error) {
		rest := all
		if after != "" {
			at := slices.IndexFunc(all, func(s S) bool { return key(s) == after })
			if at < 0 {
				return nil, mesh.Errorf(mesh.CodeInvalid, "the cursor names nothing of this list")
			}
			rest = all[at+1:]
		}
		return rest[:min(n, len(rest))], nil
	}, key)
	out := hubapi.Page[T]{Items: make([]T, 0, len(page.Items)), Next: page.Next}
	for _, s := range page.Items {
		out.Items = append(out.Items, describe(s))
	}
	return out, err
}
