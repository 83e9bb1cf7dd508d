// Package catalog is the commands `mesh catalog …`: finding policy bundles in
// a hub.
package catalog

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// NewCmdCatalog returns `catalog` with its verbs.
func NewCmdCatalog(env *command.Env) *cobra.Command {
	return command.Group("catalog", "Find policy bundles",
		newCmdSearch(env, nil),
		newCmdShow(env, nil),
		newCmdVersions(env, nil),
	)
}

// parseRelease reads [NAMESPACE/]NAME[:VERSION | @DIGEST]. Without a namespace
// it is an official bundle.
func parseRelease(s string) (ref mesh.BundleRef, version string, err error) {
	name := s
	if before, digest, ok := strings.Cut(s, "@"); ok {
		if _, err := mesh.ParseDigest(digest); err != nil {
			return ref, "", command.Usage(err)
		}
		name, version = before, digest
	} else if before, tag, ok := strings.Cut(s, ":"); ok {
		if tag == "" {
			return ref, "", command.UsageErrorf("%q ends with a colon", s).WithHint("leave it away for the newest release")
		}
		name, version = before, tag
	}
	if !strings.Contains(name, "/") {
		name = string(mesh.OfficialNamespace) + "/" + name
	}
	ref, err = mesh.ParseBundleRef(name)
	return ref, version, command.Usage(err)
}

// status paints what the hub makes of a release.
func status(s hubapi.Status) iostreams.Styled {
	style := iostreams.Yellow
	switch s {
	case hubapi.StatusVerified:
		style = iostreams.Green
	case hubapi.StatusRefused, hubapi.StatusInvalid, hubapi.StatusYanked:
		style = iostreams.Red
	}
	return iostreams.Styled{Text: string(s), Style: style}
}

// joined writes a list of names for people.
func joined[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}
