package policy

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/ai-agent-mesh/mesh"
)

// params joins the parameters: the base's first, as the profile narrows them.
func (m *merger) params() []Param {
	out := slices.Clone(m.base.Params)
	for _, own := range m.profile.Params {
		if i := slices.IndexFunc(out, func(p Param) bool { return p.Name == own.Name }); i >= 0 {
			out[i] = m.param(out[i], own)
			continue
		}
		out = append(out, own)
	}
	return out
}

// param narrows the declaration of one parameter. What the profile leaves out
// stays as the base has it.
func (m *merger) param(base, own Param) Param {
	if own.Type != base.Type || own.Items != base.Items {
		m.widens(own.at("type"), "the type of the parameter "+own.Name, typeWords(own), typeWords(base), "the base's rules read that type", "write the same type")
		return base
	}
	out := base
	out.Position, out.Description, out.keys = own.Position, cmp.Or(own.Description, base.Description), own.keys
	raise(m, own, "minimum", &out.Minimum, own.Minimum)
	raise(m, own, "minLength", &out.MinLength, own.MinLength)
	raise(m, own, "minItems", &out.MinItems, own.MinItems)
	lower(m, own, "maximum", &out.Maximum, own.Maximum)
	lower(m, own, "maxLength", &out.MaxLength, own.MaxLength)
	lower(m, own, "maxItems", &out.MaxItems, own.MaxItems)
	m.keep(own, "pattern", &out.Pattern, own.Pattern)
	m.keep(own, "format", &out.Format, own.Format)
	if _, given := own.keys["uniqueItems"]; given {
		if base.UniqueItems && !own.UniqueItems {
			m.widensParam(own, "uniqueItems", false, true, "a profile may not switch it off")
		}
		out.UniqueItems = own.UniqueItems
	}
	out.Enum = m.enum(base, own)
	m.fits(&out, base, own)
	return out
}

// DefaultPosition returns where the file gives the parameter's default.
func (p Param) DefaultPosition() mesh.Position { return p.at("default") }

// at returns where the file gives a key of the declaration.
func (p Param) at(key string) mesh.Position {
	if at, given := p.keys[key]; given {
		return at
	}
	return p.Position
}

func typeWords(p Param) string {
	if p.Type == TypeArray {
		return "array of " + string(p.Items)
	}
	return string(p.Type)
}

func (m *merger) widensParam(own Param, key string, value, base any, reason string) {
	m.widens(own.at(key), key+" of the parameter "+own.Name, value, base, reason, "leave it out to keep the base's value")
}

// raise takes a lower bound that is at least the one before.
func raise[T int | float64](m *merger, own Param, key string, bound **T, value *T) {
	if value == nil {
		return
	}
	if *bound != nil && *value < **bound {
		m.widensParam(own, key, *value, **bound, "a profile may only raise it")
		return
	}
	*bound = value
}

// lower takes an upper bound that is at most the one before.
func lower[T int | float64](m *merger, own Param, key string, bound **T, value *T) {
	if value == nil {
		return
	}
	if *bound != nil && *value > **bound {
		m.widensParam(own, key, *value, **bound, "a profile may only lower it")
		return
	}
	*bound = value
}

// keep takes a text that is new or the same: of two regular expressions nobody
// can tell which is narrower.
func (m *merger) keep(own Param, key string, text *string, value string) {
	if value == "" {
		return
	}
	if *text != "" && *text != value {
		m.widensParam(own, key, value, *text, "nobody can tell whether that is narrower")
		return
	}
	*text = value
}

// enum takes values that are among those before.
func (m *merger) enum(base, own Param) []any {
	if len(own.Enum) == 0 {
		return base.Enum
	}
	if more := missing(own.Enum, base.Enum); len(base.Enum) > 0 && len(more) > 0 {
		m.widensParam(own, "enum", own.Enum, base.Enum, "a profile may only leave out, and adds "+show(more))
		return base.Enum
	}
	return own.Enum
}

// fits checks that the narrowed declaration leaves a value, and that its
// default is one: the base's, or the profile's where the base has none. What the
// base's rules do with the value nobody can tell, so another might allow more.
func (m *merger) fits(out *Param, base, own Param) {
	fault := func(key, message, hint string) {
		m.findings = append(m.findings, mesh.Finding{Position: own.at(key), Level: mesh.LevelError, Rule: "param-value", Message: message, Hint: hint})
	}
	for _, b := range []struct {
		low, high string
		crossed   bool
	}{
		{"minimum", "maximum", above(out.Minimum, out.Maximum)},
		{"minLength", "maxLength", above(out.MinLength, out.MaxLength)},
		{"minItems", "maxItems", above(out.MinItems, out.MaxItems)},
	} {
		if b.crossed {
			key := b.low
			if _, given := own.keys[key]; !given {
				key = b.high
			}
			fault(key, fmt.Sprintf("together with the base, %s of the parameter %s is above %s, so that no value fits", b.low, own.Name, b.high), "leave it out to keep the base's value")
			return
		}
	}
	element := *out
	element.Type, element.Enum = out.element(), nil
	for _, v := range own.Enum {
		if _, err := element.Convert(v); err != nil {
			fault("enum", "enum of "+err.Error()+", which the base demands", "remove it")
		}
	}
	if _, given := own.keys["default"]; given {
		if base.Default != nil && !reflect.DeepEqual(own.Default, base.Default) {
			m.widens(own.at("default"), "default of the parameter "+own.Name, own.Default, base.Default, "nobody can tell whether that is narrower",
				"leave it out to keep the base's default: the subscription sets the parameter, or the base leaves its default to profiles by naming none")
			return
		}
		out.Default = own.Default
		if _, err := out.Convert(own.Default); err != nil {
			fault("default", "default of "+err.Error()+", which the base demands", "choose a default that fits both declarations")
		}
		return
	}
	if base.Default == nil {
		return
	}
	if _, err := out.Convert(base.Default); err != nil {
		fault("type", "the base's default no longer fits: "+err.Error(), "leave it among the values, or extend a base that names no default")
	}
}
