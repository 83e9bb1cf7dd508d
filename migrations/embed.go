// Package migrations holds the database schemas as numbered goose files, one
// folder a dialect. A released file is never edited: what changes gets a file
// of its own.
//
// Files 00001 to 00009 of each dialect are the registry's, the catalog's
// begin at 00010. Tenant comes first in every key; the one exception is the
// outbox, which workers read across tenants in the order things happened.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql
var files embed.FS

// SQLite returns the files for SQLite, at the root of the file system.
func SQLite() fs.FS {
	sub, err := fs.Sub(files, "sqlite")
	if err != nil {
		panic(err) // the path is a constant and valid
	}
	return sub
}
