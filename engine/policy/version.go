package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

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
// of which the document may use what this program does not know.
func checkVersion(d *yamldoc.Document) (newer bool, findings []mesh.Finding) {
	n := yamldoc.Get(d.Root, "version")
	if n == nil || n.ShortTag() != "!!str" {
		return false, nil // the schema has the rest to say
	}
	if !strings.HasPrefix(n.Value, majorVersion) {
		return false, []mesh.Finding{{
			Position: d.Position(n), Level: mesh.LevelError, Rule: "unknown-version",
			Message: fmt.Sprintf("version %q of the policy language is not known", yamldoc.Shorten(n.Value)),
			Hint:    `version is that of the language, not of your release; write version: "` + Version + `"`,
		}}
	}
	if minor(n.Value) <= minor(Version) {
		return false, nil
	}
	return true, []mesh.Finding{{
		Position: d.Position(n), Level: mesh.LevelWarning, Rule: "newer-version",
		Message: fmt.Sprintf("the document is of version %s of the policy language, this program knows %s", n.Value, Version),
		Hint:    "update the program, or write the version that the document needs",
	}}
}

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
