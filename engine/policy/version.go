package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// Version is the version of the policy language that this program knows. Any
// document of the same major version is read: an older minor version is a part
// of the language, and of a newer one what this program knows of it.
const Version = "3.0.0"

// majorVersion begins every version that is read.
const majorVersion = "3."

// SchemaPath is where a hub serves a schema of this version of the language:
// name is policy, action or cases.
func SchemaPath(name string) string { return "/schemas/" + name + "/v" + Version + ".json" }

var versionSyntax = regexp.MustCompile(`^[0-9]{1,4}\.([0-9]{1,4})\.[0-9]{1,4}$`)

// minor returns the minor version; 0 for what is no version.
func minor(version string) int {
	m := versionSyntax.FindStringSubmatch(version)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // at most four digits
	return n
}

// checkVersion looks at the document's version before anything else is said
// about it: it refuses another major version, and warns of a newer minor one,
// of which the document may use what this program does not know. Of a newer
// major version nothing more can be said: stop is true. An older one there never
// was, so that something else was probably meant, and the rest is checked.
func checkVersion(d *yamldoc.Document, found *yamldoc.Findings) (newer, stop bool) {
	n := yamldoc.Get(d.Root, "version")
	if n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		return false, false // the schema has the rest to say
	}
	if !strings.HasPrefix(n.Value, majorVersion) {
		found.Add(mesh.Finding{
			Position: d.Position(n), Level: mesh.LevelError, Rule: "unknown-version",
			Message: fmt.Sprintf("version %q of the policy language is not known", yamldoc.Shorten(n.Value)),
			Hint:    `version is that of the language, not of your release; write version: "` + Version + `"`,
		})
		stop = !olderVersion.MatchString(n.Value)
		n.Value = Version // what comes of it was said
		return false, stop
	}
	if minor(n.Value) <= minor(Version) {
		return false, false
	}
	found.Add(mesh.Finding{
		Position: d.Position(n), Level: mesh.LevelWarning, Rule: "newer-version",
		Message: fmt.Sprintf("the document is of version %s of the policy language, this program knows %s", n.Value, Version),
		Hint:    "update the program, or write the version that the document needs",
	})
	return true, false
}

// olderVersion is one below those of the language.
var olderVersion = regexp.MustCompile(`^v?[0-2](\.[0-9.]*)?$`)

// mentionVersion says of the faults of a document of a newer version that its
// version may be the reason.
func mentionVersion(d *yamldoc.Document, findings []mesh.Finding) {
	written := yamldoc.Get(d.Root, "version").Value
	for i := range findings {
		f := &findings[i]
		f.Message += fmt.Sprintf("; the document is of version %s of the language, this program knows %s", written, Version)
		if f.Hint != "" {
			f.Hint += "; or update the program"
		} else {
			f.Hint = "update the program"
		}
	}
}
