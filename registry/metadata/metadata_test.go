package metadata_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/metadata"
)

func TestCheckTag(t *testing.T) {
	t.Parallel()
	one, two := registry.DigestOf("", []byte("one")), registry.DigestOf("", []byte("two"))
	signature := registry.Tag("sha256-" + strings.Repeat("a", 64))
	tests := []struct {
		name  string
		tag   registry.Tag
		state metadata.TagState
		cond  registry.Condition
		want  error // pushing two
	}{
		{name: "new version", tag: "1.0.0"},
		{name: "same version again", tag: "1.0.0", state: metadata.TagState{Current: two}},
		{name: "version would move", tag: "1.0.0", state: metadata.TagState{Current: one}, want: registry.ErrTagImmutable},
		{name: "deleted version comes back", tag: "1.0.0", state: metadata.TagState{Tombstone: two}},
		{name: "deleted version would change", tag: "1.0.0", state: metadata.TagState{Tombstone: one}, want: registry.ErrTagImmutable},
		{name: "channel moves", tag: "stable", state: metadata.TagState{Current: one}},
		{name: "latest moves", tag: "latest", state: metadata.TagState{Current: one}},
		{name: "second signature", tag: signature, state: metadata.TagState{Current: one}},
		{name: "absent holds", tag: "stable", cond: registry.Condition{Absent: true}},
		{name: "absent fails", tag: "stable", state: metadata.TagState{Current: two}, cond: registry.Condition{Absent: true}, want: registry.ErrTagMoved},
		{name: "match holds", tag: "stable", state: metadata.TagState{Current: one}, cond: registry.Condition{Match: one}},
		{name: "match fails", tag: "stable", state: metadata.TagState{Current: one}, cond: registry.Condition{Match: two}, want: registry.ErrTagMoved},
		{name: "nothing to match", tag: "stable", cond: registry.Condition{Match: one}, want: registry.ErrTagMoved},
		{name: "match is no permission", tag: "1.0.0", state: metadata.TagState{Current: one}, cond: registry.Condition{Match: one}, want: registry.ErrTagImmutable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := metadata.CheckTag(tt.tag, tt.state, two, tt.cond)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err != nil && mesh.HintOf(err) == "" {
				t.Errorf("nobody is told what to do: %v", err)
			}
		})
	}
}
