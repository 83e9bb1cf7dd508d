// Package sqlitetest gives tests a registry's metadata in a database of their
// own. It never reaches a binary.
package sqlitetest

import (
	"path/filepath"
	"testing"

	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/migrations"
	metadata "github.com/ai-agent-mesh/mesh/registry/metadata/sqlite"
)

// Open opens the metadata in dir, which is created and migrated if it is
// empty. It is closed when the test ends, or by calling the function.
func Open(t testing.TB, dir string) (store *metadata.Store, closeDB func()) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "mesh.db"), sqlite.Options{Migrations: migrations.SQLite()})
	if err != nil {
		t.Fatal(err)
	}
	closeDB = func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	}
	t.Cleanup(closeDB)
	return metadata.New(db), closeDB
}
