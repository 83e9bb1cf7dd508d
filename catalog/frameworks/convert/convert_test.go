package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestListsAreFresh fails when the embedded lists are not what the converter
// makes of the reference lists.
func TestListsAreFresh(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("MESH_SHARED")
	if shared == "" {
		t.Skip("MESH_SHARED is not set: the reference lists of the frameworks are not compared")
	}
	out := t.TempDir()
	if err := run(shared, out); err != nil {
		t.Fatal(err)
	}
	for _, l := range lists {
		name := string(l.framework) + ".json"
		want, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "data", "controls", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is stale, run go generate ./catalog/frameworks (-want +got):\n%s", name, diff)
		}
	}
}

func TestRunNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if err := run(t.TempDir(), t.TempDir()); err == nil {
		t.Error("run accepted a folder without lists")
	}
}
