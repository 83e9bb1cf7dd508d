package publish

import (
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/registry/strictyaml"
)

// resolveAll returns the controls that bundle.yaml names. Those it does not
// understand are reported at their place.
func resolveAll(doc *policy.Document, labels []strictyaml.Node, index policy.ControlIndex) []mesh.ControlID {
	var out []mesh.ControlID
	for _, n := range labels {
		if id := resolve(doc, n, index); id != "" {
			out = append(out, id)
		}
	}
	return out
}

// resolve reads "framework:control", or the control alone where the document
// names a framework.
func resolve(doc *policy.Document, n strictyaml.Node, index policy.ControlIndex) mesh.ControlID {
	label := strings.TrimSpace(n.Text())
	name, local, found := strings.Cut(label, ":")
	if !found {
		name, local = doc.Framework.Value, label
	}
	name, local = strings.TrimSpace(name), strings.TrimSpace(local)
	if name == "" || local == "" {
		n.Errorf(RuleControl, "write framework:control, for example gdpr:Art.30", "%q does not name a control", label)
		return ""
	}
	framework := engine.Framework(&policy.Document{Framework: policy.Label{Value: name}}, index)
	if index == nil || !index.Known(framework) {
		return mesh.NewControlID(framework, local)
	}
	id, ok := index.Resolve(framework, local)
	if !ok {
		hint := ""
		if nearest := index.Nearest(framework, local); nearest != "" {
			hint = "did you mean " + nearest + "?"
		}
		n.Errorf(RuleControl, hint, "%s has no control %q", framework, local)
		return ""
	}
	return id
}
