package enginetest

import (
	"slices"
	"strings"
)

// The predicates that rules may ask.
const (
	personalData = "personalData"
	healthData   = "healthData"
)

// What the document names. Its lists end in "…": the generator keeps to what
// stands here and to words that nobody takes for personal data.
var (
	personalCategories = []string{"pii", "phi", "health", "genetic", "biometric", "religion", "political_opinion",
		"trade_union", "ethnic_origin", "sexual_orientation", "special_category", "criminal"}
	personalFindings = []string{"EMAIL", "PHONE", "SSN", "IBAN", "IP_ADDRESS"}
	healthCategories = []string{"phi", "ephi", "health", "psychotherapy_notes"}
	healthFindings   = []string{"MRN"} // a medical record number
)

// personal reports whether personal data is in play. Health information is
// personal. A category that is an empty text, and a finding that does not say
// what was found, are taken for both.
func personal(a facts) bool {
	return inPlay(a, slices.Concat(personalCategories, healthCategories), slices.Concat(personalFindings, healthFindings), "pii_data", "phi_data")
}

// health reports whether health information of a person is in play.
func health(a facts) bool { return inPlay(a, healthCategories, healthFindings, "phi_data") }

func inPlay(a facts, categories, findings []string, resources ...string) bool {
	stated, ok := a.at("data.categories").([]any)
	if !ok && a.typed("data.read", "data.write", "data.delete", "data.export", "memory.write", "egress") {
		return true
	}
	named := func(v any, names []string) bool {
		text, _ := v.(string)
		return slices.ContainsFunc(names, func(name string) bool { return spelled(text, name) })
	}
	if slices.ContainsFunc(stated, func(v any) bool { return v == "" || named(v, categories) }) {
		return true
	}
	if resource, _ := a.text("resource.type"); slices.Contains(resources, resource) {
		return true
	}
	found, _ := a.at("content.findings").([]any)
	return slices.ContainsFunc(found, func(v any) bool {
		finding, _ := v.(map[string]any)
		if finding["count"] != nil && same(finding["count"], int64(0)) {
			return false // looked for and not found
		}
		if finding["type"] == nil || finding["type"] == "" {
			return true
		}
		return named(finding["type"], findings)
	})
}

// spelled reports whether the text is the name in lower case, in upper case or
// capitalized.
func spelled(text, name string) bool {
	lower := strings.ToLower(name)
	return text == lower || text == strings.ToUpper(name) || text == strings.ToUpper(lower[:1])+lower[1:]
}
