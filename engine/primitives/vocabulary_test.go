package primitives_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// TestVocabularies holds the words to where the language uses them.
func TestVocabularies(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"action_type", "agent_type", "agent_status", "artifact_type", "resource_type", "legal_basis", "data_category", "finding_type", "request_status", "right",
	} {
		v := primitives.VocabularyOf(name)
		if v == nil {
			t.Fatalf("there is no vocabulary %s", name)
		}
		for _, w := range v.Words {
			if !v.Has(w) || v.Misspelt(w) != "" {
				t.Errorf("%s is no word of %s", w, name)
			}
		}
		for _, place := range v.Places {
			if primitives.VocabularyAt(place) != v {
				t.Errorf("%s has not the words of %s", place, name)
			}
			if place != "content.findings.type" && shape.LeafAt(place) == nil {
				t.Errorf("%s is no place of the action", place)
			}
		}
	}
	for _, p := range primitives.All() {
		if p.Variant != "" && !primitives.VocabularyOf("right").Has(p.Variant) {
			t.Errorf("%s is no right", p.Variant)
		}
	}
	secrets, endings, _ := strings.Cut(primitives.Lookup("content.no_secrets").Require, " || f.type.endsWith")
	if endings == "" {
		t.Error("content.no_secrets asks for no endings")
	}
	for _, w := range primitives.SecretFindings() {
		if !strings.Contains(secrets, fmt.Sprintf("%q", w)) {
			t.Errorf("content.no_secrets does not ask for %s", w)
		}
	}
	if got, want := strings.Count(secrets, `"`)/2, 3*len(primitives.SecretFindings())+1; got != want { // and the empty one
		t.Errorf("content.no_secrets names %d spellings, the vocabulary %d", got, want)
	}
}
