package policy

import (
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ai-agent-mesh/mesh/engine/pattern"
)

// The formats that a text parameter can have, in JSON Schema's words (JSON
// Schema 2020-12 validation, section 7.3).
var formatNames = []string{"date", "date-time", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"}

// formatRegex is the format of a regular expression. It is RE2, as everywhere
// in the language, and bounded.
const formatRegex = "regex"

// formats are the validators of the formats, by name.
var formats = sync.OnceValue(func() map[string]*jsonschema.Schema {
	out := map[string]*jsonschema.Schema{}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, name := range formatNames {
		if err := c.AddResource(name, map[string]any{"format": name}); err != nil {
			panic(err)
		}
		out[name] = c.MustCompile(name)
	}
	return out
})

// fitsFormat reports whether a text has a format. Every text has the empty
// format.
func fitsFormat(format, s string) bool {
	switch format {
	case "":
		return true
	case formatRegex:
		_, err := pattern.Compile(s)
		return err == nil
	}
	schema := formats()[format]
	return schema != nil && schema.Validate(s) == nil
}
