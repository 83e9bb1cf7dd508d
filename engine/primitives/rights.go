package primitives

import "github.com/ai-agent-mesh/mesh"

// right is one right of data subjects: the suffix of its right_to_ section is
// also the value of request.right it answers to.
type right struct {
	name     string
	controls []mesh.ControlID
}

// allRights names the rights of GDPR chapter III, of HIPAA's Privacy Rule and
// of the CCPA in each law's own words.
func allRights() []right {
	return []right{
		{"access", controls("gdpr:Art.15", "gdpr:Art.12", "ccpa:R1", "hipaa:164.524", "soc2:P5.1")},
		{"rectification", controls("gdpr:Art.16", "gdpr:Art.12", "soc2:P5.2")},
		{"erasure", controls("gdpr:Art.17", "gdpr:Art.12")},
		{"restriction", controls("gdpr:Art.18", "gdpr:Art.12", "hipaa:164.522")},
		{"portability", controls("gdpr:Art.20", "gdpr:Art.12", "ccpa:R7")},
		{"objection", controls("gdpr:Art.21", "gdpr:Art.12")},
		{"human_review", controls("gdpr:Art.22", "gdpr:Art.12")},
		{"amendment", controls("hipaa:164.526", "soc2:P5.2")},
		{"accounting", controls("hipaa:164.528", "soc2:P6.7")},
		{"know", controls("ccpa:R1", "ccpa:CCC-1798.110", "ccpa:CCC-1798.130")},
		{"deletion", controls("ccpa:R2", "ccpa:CCC-1798.105", "ccpa:CCC-1798.130")},
		{"correction", controls("ccpa:R3", "ccpa:CCC-1798.106", "ccpa:CCC-1798.130")},
		{"opt_out", controls("ccpa:R4", "ccpa:CCC-1798.120", "ccpa:CCC-1798.135")},
		{"limit_use", controls("ccpa:R5", "ccpa:CCC-1798.121", "ccpa:CCC-1798.135")},
	}
}

func rights() []*Primitive {
	var all []*Primitive
	for _, r := range allRights() {
		all = append(all, r.primitives()...)
	}
	return all
}

// primitives returns the rules of one right. A request that names no right
// might be for this one, so it is looked at and violates.
func (r right) primitives() []*Primitive {
	section := "data_subject_rights.right_to_" + r.name
	types := []string{mesh.TypeSubjectRequest}
	when := typeIn(types) + ` && (!has(request.right) || request.right == "` + r.name + `")`
	isRight := `has(request.right)`
	return []*Primitive{
		{
			ID:             section + ".enabled",
			Parameters:     []Parameter{{section + ".enabled", Flag}},
			When:           when,
			Require:        isRight + ` && has(request.status) && request.status != "refused"`,
			Message:        "a data subject's request for " + r.name + " is refused although the right is granted, or its right or status is not stated",
			Recommendation: "fulfil the request, and state request.right and request.status",
			Controls:       r.controls,
		},
		{
			// Requests that are still open are not answered late yet: the hub
			// counts them in the posture.
			ID:             section + ".response_time_hours",
			Parameters:     []Parameter{{section + ".response_time_hours", Count}},
			Unless:         section + ".enabled",
			When:           when + ` && (!has(request.status) || request.status != "open")`,
			Require:        isRight + ` && has(request.status) && has(request.ageHours) && request.ageHours <= rule.response_time_hours`,
			Message:        "a data subject's request for " + r.name + " is answered after the time limit, or its age is not stated",
			Recommendation: "answer within the limit, and state request.ageHours",
			Controls:       r.controls,
		},
		{
			ID:             section + ".format",
			Parameters:     []Parameter{{section + ".format", Text}},
			Unless:         section + ".enabled",
			When:           when + ` && (!has(request.status) || !(request.status in ["open", "refused"]))`,
			Require:        isRight + ` && has(request.status) && has(request.format) && request.format == rule.format`,
			Message:        "a data subject's request for " + r.name + " is answered in another format than the policy prescribes",
			Recommendation: "answer in the policy's format, and state it in request.format",
			Controls:       r.controls,
		},
	}
}
