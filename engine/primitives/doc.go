// Package primitives is the library of enforcement primitives that the
// built-in sections of a policy bind parameters to. Each is defined once, as
// data, in the files of the folder library, one for each section: the YAML path
// and schema of its parameters, the actions it looks at, the CEL it means, what
// it obliges to, its message and recommendation, the controls it can serve, and
// cases that show what it means.
//
// The schema of policies, the reference page and the engine are all made of
// this data. A section's file looks like this:
//
//	section: tools
//	summary: Which tools agents call, and with which arguments.
//	primitives:
//	  - id: tools.allowed
//	    summary: Only these tools are called.
//	    value: {type: texts, narrows: subset}
//	    looks_at: [tool.call]
//	    require: has(tool.name) && tool.name in rule.allowed
//	    …
//
// A primitive whose id has a * holds for each entry of a mapping: below
// tools.by_role each key is a tool, and the CEL reads it as rule.tool.
package primitives
