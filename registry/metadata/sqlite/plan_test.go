package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/migrations"
)

// Every query of a request finds its rows by a key that begins with the
// tenant: none reads a table to its end, and none sorts.
func TestQueriesUseTheirIndex(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "mesh.db"), sqlite.Options{Migrations: migrations.SQLite()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, query := range map[string]string{
		"repository": sqlRepositoryExists, "blob": sqlBlob, "blob linked": sqlBlobLinked, "unlink": sqlUnlinkBlob, "referrer of a blob": sqlReferrer,
		"tag": sqlTag, "manifest": sqlManifest, "manifest info": sqlManifestInfo, "blob size": sqlBlobSize, "manifest size": sqlManifestSize, "tombstone": sqlTombstone,
		"tags of a manifest": sqlTagsOf, "delete manifest": sqlDeleteManifest, "repositories": sqlRepositories, "tags": sqlTags, "referrers": sqlReferrers,
	} {
		var plan []string
		err := db.System().Read(t.Context(), func(tx *sqlite.Tx) error {
			var args []any
			for i := range strings.Count(query, "?") {
				args = append(args, i)
			}
			return tx.Each(func(scan func(...any) error) error {
				var id, parent, unused int
				var detail string
				err := scan(&id, &parent, &unused, &detail)
				plan = append(plan, detail)
				return err
			}, "EXPLAIN QUERY PLAN "+query, args...)
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "referrers" && !strings.Contains(strings.Join(plan, " "), "manifest_by_subject") {
			t.Errorf("%s: %v", name, plan)
		}
		for _, step := range plan {
			if strings.Contains(step, "TEMP B-TREE") || (strings.HasPrefix(step, "SCAN ") && !strings.Contains(step, "CONSTANT ROW")) {
				t.Errorf("%s: %s", name, step)
			}
			if strings.HasPrefix(step, "SEARCH ") && !strings.Contains(step, "(tenant=") {
				t.Errorf("%s does not begin with the tenant: %s", name, step)
			}
		}
	}
}
