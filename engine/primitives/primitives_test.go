package primitives_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

// TestComplete checks that every primitive says all there is to say.
func TestComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range primitives.All() {
		if seen[p.ID] {
			t.Errorf("%s is defined twice", p.ID)
		}
		seen[p.ID] = true
		if p.When == "" || p.Require == "" || p.Message == "" || p.Recommendation == "" || len(p.Controls) == 0 {
			t.Errorf("%s is incomplete: %+v", p.ID, p)
		}
		if !strings.HasPrefix(p.When, "action.type ") {
			t.Errorf("%s does not say first which actions it looks at", p.ID)
		}
		if primitives.Lookup(p.ID) != p {
			t.Errorf("%s is not found by its id", p.ID)
		}
		for _, c := range p.Controls {
			if c.Framework() == "" || c.Local() == "" {
				t.Errorf("%s: control %q", p.ID, c)
			}
		}
	}
	if primitives.Lookup("data_collection") != nil {
		t.Error("a section is no primitive")
	}
}

// TestControlsExist looks the controls up in the frameworks' own lists.
func TestControlsExist(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("MESH_SHARED")
	if shared == "" {
		t.Skip("MESH_SHARED is not set: the lists of controls are absent")
	}
	files := map[mesh.FrameworkID]string{
		"gdpr": "gdpr", "hipaa": "hipaa_45cfr164", "soc2": "soc2_tsc", "ccpa": "ccpa_cpra",
		"iso27001": "iso27001_2022_annex_a", "fedramp-moderate": "fedramp_rev5_moderate",
	}
	known := map[mesh.ControlID]bool{}
	for framework, name := range files {
		src, err := os.ReadFile(filepath.Join(shared, "data", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Controls []struct {
				ID string `json:"id"`
			} `json:"controls"`
		}
		if err := json.Unmarshal(src, &list); err != nil {
			t.Fatal(err)
		}
		for _, c := range list.Controls {
			known[mesh.NewControlID(framework, c.ID)] = true
		}
	}
	for _, p := range primitives.All() {
		for _, c := range p.Controls {
			if !known[c] {
				t.Errorf("%s serves %s, which does not exist", p.ID, c)
			}
		}
	}
}

func ExampleLookup() {
	p := primitives.Lookup("data_storage.encryption.algorithm")
	fmt.Println(p.When)
	fmt.Println(p.Require)
	fmt.Println(p.ControlsOf("hipaa"))
	// Output:
	// action.type in ["data.write", "memory.write"] && personalData()
	// has(data.encryption.algorithm) && data.encryption.algorithm == rule.algorithm
	// [hipaa:164.312(a)(2)(iv)]
}
