package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/ai-agent-mesh/mesh/catalog/catalogtest"
	catalogsqlite "github.com/ai-agent-mesh/mesh/catalog/sqlite"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/migrations"
)

func TestStore(t *testing.T) {
	t.Parallel()
	catalogtest.Run(t, func(t *testing.T) catalogtest.Store {
		t.Helper()
		db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hub.db"), sqlite.Options{Migrations: migrations.SQLite()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return catalogsqlite.New(db)
	})
}
