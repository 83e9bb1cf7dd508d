package trust

import (
	"regexp"
	"strings"

	"github.com/ai-agent-mesh/mesh"
)

// maxGlobLength bounds a glob; a bundle's name has at most 201 characters.
const maxGlobLength = 255

// globSyntax admits what can occur in a bundle's name, and the wildcards.
var globSyntax = regexp.MustCompile(`^[a-z0-9._*?-]+(/[a-z0-9._*?-]+)?$`)

// glob matches "namespace/name". Without a slash it matches the namespace
// alone, so "acme" means the same as "acme/**".
type glob struct {
	src string
	re  *regexp.Regexp
}

// parseGlob reads a pattern in which ? stands for one character and * for any
// number of them, both except for a slash, and ** for anything.
func parseGlob(s string) (glob, error) {
	if len(s) > maxGlobLength || !globSyntax.MatchString(s) {
		return glob{}, mesh.Errorf(mesh.CodeInvalid, "%q is not a pattern of namespaces", s).WithHint("write for example acme/**, acme/gdpr-* or ** for everything")
	}
	var re strings.Builder
	re.WriteString("^")
	for rest := s; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "**"):
			re.WriteString(".*")
			rest = rest[2:]
			continue
		case rest[0] == '*':
			re.WriteString("[^/]*")
		case rest[0] == '?':
			re.WriteString("[^/]")
		default:
			re.WriteString(regexp.QuoteMeta(rest[:1]))
		}
		rest = rest[1:]
	}
	if !strings.Contains(s, "/") && !strings.HasSuffix(s, "**") {
		re.WriteString("/.*")
	}
	re.WriteString("$")
	compiled, err := regexp.Compile(re.String())
	if err != nil {
		return glob{}, mesh.Errorf(mesh.CodeInvalid, "%q is not a pattern of namespaces: %w", s, err)
	}
	return glob{src: s, re: compiled}, nil
}

func (g glob) match(ref mesh.BundleRef) bool { return g.re.MatchString(ref.String()) }
