package enginetest

import (
	"slices"
	"strings"
)

// facts is an action as plain JSON, asked by path.
type facts map[string]any

// at returns the value at a path; nil if anything on the way is absent.
func (f facts) at(path string) any {
	var v any = map[string]any(f)
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// text returns the text at a path, and whether there is one.
func (f facts) text(path string) (string, bool) {
	s, ok := f.at(path).(string)
	return s, ok
}

// says reports whether there is a text at the path that is not empty.
func (f facts) says(path string) bool {
	s, _ := f.text(path)
	return s != ""
}

// is reports whether the text, flag or number at the path is there and this.
func (f facts) is(path string, value any) bool {
	v := f.at(path)
	return v != nil && same(v, value)
}

// atMost reports whether the number at the path is there and no greater.
func (f facts) atMost(path string, limit any) bool {
	c, ordered, ok := compareNumbers(f.at(path), limit)
	return ok && ordered && c <= 0
}

// among reports whether the value at the path is there and in the list.
func (f facts) among(path string, list any) bool {
	elements, _ := list.([]any)
	v := f.at(path)
	return v != nil && slices.ContainsFunc(elements, func(e any) bool { return same(e, v) })
}

// typed reports whether the action is of one of these types.
func (f facts) typed(types ...string) bool {
	t, _ := f.text("action.type")
	return slices.Contains(types, t)
}

// settings are the rules of a policy as plain YAML, asked by path.
type settings = facts

// Section is the meaning of one built-in rule, in words of Go.
type Section struct {
	// Looks reports whether the rule looks at an action.
	Looks func(action facts) bool
	// Met reports whether the action meets the rule whose value is given.
	Met func(action facts, value any, rules settings) bool
	// On reports whether the value, which is there, switches the rule on. Nil:
	// it does, unless it is the flag false.
	On func(value any, rules settings) bool
}

// on reports whether a policy's rules switch the section's rule on.
func (s Section) on(value any, rules settings) bool {
	switch {
	case value == nil || value == false:
		return false
	case s.On != nil:
		return s.On(value, rules)
	}
	return true
}

// documentedSections returns the built-in rules whose meaning the interpreter
// has from the document on the policy language, by rule id.
func documentedSections() map[string]Section {
	all := map[string]Section{
		"data_collection.consent_required": {Looks: collects, Met: func(a facts, _ any, _ settings) bool {
			return a.says("data.purpose") && a.is("data.consent.given", true) && !a.is("data.consent.withdrawn", true) && a.among("data.purpose", a.at("data.consent.purposes"))
		}},
		"data_collection.purpose_limitation": {Looks: collects, Met: func(a facts, _ any, rules settings) bool {
			stated := a.says("data.purpose")
			valid := rules.at("data_collection.valid_purposes")
			return stated && (valid == nil || a.among("data.purpose", valid))
		}},
		"data_collection.prohibited_purposes": {Looks: collects, Met: func(a facts, prohibited any, _ settings) bool {
			return a.says("data.purpose") && !a.among("data.purpose", prohibited)
		}},
		"data_storage.encryption.algorithm": {Looks: stores, Met: func(a facts, algorithm any, _ settings) bool {
			return a.is("data.encryption.algorithm", algorithm)
		}},
		"data_storage.encryption.key_rotation_days": {Looks: stores, Met: func(a facts, days any, _ settings) bool {
			return a.atMost("data.encryption.keyAgeDays", days)
		}},
		"data_storage.retention.max_days": {Looks: stores, Met: func(a facts, days any, _ settings) bool {
			return a.atMost("data.retentionDays", days)
		}},
		"data_storage.retention.deletion_policy": {Looks: deletes, Met: func(a facts, method any, _ settings) bool {
			return a.is("context.deletionMethod", method)
		}},
		"data_storage.location_restrictions.allowed_regions": {Looks: places, Met: func(a facts, regions any, _ settings) bool {
			_, stated := a.text("data.destinationRegion")
			mayStayAway := !stated && !moves(a)
			return a.among("data.region", regions) && (mayStayAway || a.among("data.destinationRegion", regions))
		}},
	}
	for _, right := range rights {
		addRight(all, right)
	}
	return all
}

func collects(a facts) bool {
	return a.typed("data.read", "data.write", "data.export", "memory.write", "model.call", "tool.call", "egress") && personal(a)
}

func stores(a facts) bool { return a.typed("data.write", "memory.write") && personal(a) }

func deletes(a facts) bool { return a.typed("data.delete") && personal(a) }

func moves(a facts) bool { return a.typed("data.export", "egress", "model.call", "tool.call") }

func places(a facts) bool { return (a.typed("data.write", "memory.write") || moves(a)) && personal(a) }

// rights are those of data_subject_rights, as request.right names them.
var rights = []string{"access", "rectification", "erasure", "restriction", "portability", "objection", "human_review",
	"amendment", "accounting", "know", "deletion", "correction", "opt_out", "limit_use"}

func addRight(all map[string]Section, right string) {
	section := "data_subject_rights.right_to_" + right
	about := func(a facts) bool {
		named, stated := a.text("request.right")
		another := named != right && slices.Contains(rights, named)
		return a.typed("subject.request") && (!stated || !another)
	}
	enabled := func(_ any, rules settings) bool { return rules.at(section+".enabled") != false }
	// What is exempt is not looked at.
	except := func(statuses ...string) func(facts) bool {
		return func(a facts) bool {
			status, _ := a.text("request.status")
			return about(a) && !slices.Contains(statuses, status)
		}
	}
	// The right and the status are inputs of each of these rules: where one is
	// absent, they are violated; a right that nobody knows says no more.
	stated := func(a facts) bool {
		return a.says("request.status") && a.is("request.right", right)
	}
	all[section+".enabled"] = Section{about, func(a facts, _ any, _ settings) bool {
		return stated(a) && a.among("request.status", []any{"open", "fulfilled"})
	}, enabled}
	all[section+".response_time_hours"] = Section{except("open"), func(a facts, hours any, _ settings) bool {
		return stated(a) && a.atMost("request.ageHours", hours)
	}, enabled}
	all[section+".format"] = Section{except("open", "refused"), func(a facts, format any, _ settings) bool {
		return stated(a) && a.is("request.format", format)
	}, enabled}
}
