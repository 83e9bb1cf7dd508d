package catalog

import (
	"encoding/base64"
	"fmt"

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
