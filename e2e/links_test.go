package e2e

import (
	"debug/buildinfo"
	"path/filepath"
	"strings"
	"testing"
)

// The edge program as it is shipped carries none of the hub's weight.
// internal/archtest says the same of the sources, with the path of imports.
func TestRuntimeLinksNothingOfTheHub(t *testing.T) {
	t.Parallel()
	info, err := buildinfo.ReadFile(filepath.Join(repository(t), "bin", "mesh-runtime"))
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) == 0 {
		t.Fatal("mesh-runtime says nothing of the modules it was built from")
	}
	barred := []string{
		"github.com/gin-gonic/", "github.com/danielgtaylor/huma", "github.com/jackc/", "modernc.org/sqlite",
		"github.com/pressly/goose", "github.com/sigstore/cosign", "github.com/stretchr/testify", "github.com/google/go-cmp",
		"github.com/rogpeppe/go-internal",
	}
	for _, dep := range info.Deps {
		for _, prefix := range barred {
			if strings.HasPrefix(dep.Path, prefix) {
				t.Errorf("mesh-runtime links %s", dep.Path)
			}
		}
	}
}
