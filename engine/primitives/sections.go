package primitives

import "github.com/ai-agent-mesh/mesh"

// using are the actions that use personal data. Deleting it and answering its
// subject need neither consent nor a purpose.
func using() []string {
	return []string{mesh.TypeDataRead, mesh.TypeDataWrite, mesh.TypeDataExport, mesh.TypeMemoryWrite, mesh.TypeModelCall, mesh.TypeToolCall, mesh.TypeEgress}
}

// storing are the actions that keep data.
func storing() []string { return []string{mesh.TypeDataWrite, mesh.TypeMemoryWrite} }

// moving are the actions that carry data to somebody else.
func moving() []string {
	return []string{mesh.TypeDataExport, mesh.TypeEgress, mesh.TypeModelCall, mesh.TypeToolCall}
}

func collection() []*Primitive {
	return []*Primitive{
		{
			// Consent stands while it is given and not withdrawn
			// (GDPR Art. 7(3)), for the purposes it names (Art. 6(1)(a)).
			// "given" is the statement that is needed; "withdrawn" only ever
			// takes it back.
			ID:         "data_collection.consent_required",
			Parameters: []Parameter{{"data_collection.consent_required", Flag}},
			When:       onPersonalData(using()),
			Require: `has(data.consent.given) && data.consent.given` +
				` && !(has(data.consent.withdrawn) && data.consent.withdrawn)` +
				` && has(data.purpose) && has(data.consent.purposes) && data.purpose in data.consent.purposes`,
			Message:        "personal data is used without consent that is given, not withdrawn and covers the purpose",
			Recommendation: "obtain consent for data.purpose and state it in data.consent, or assert with empty data.categories that no personal data is used",
			Controls:       controls("gdpr:Art.6", "gdpr:Art.7", "hipaa:164.508", "iso27001:A.5.34", "soc2:P2.1", "soc2:P3.2"),
		},
		{
			ID:         "data_collection.purpose_limitation",
			Parameters: []Parameter{{"data_collection.purpose_limitation", Flag}, {"data_collection.valid_purposes", Texts}},
			When:       onPersonalData(using()),
			// Without a list any purpose is valid that is stated.
			Require:        `has(data.purpose) && (!has(rule.valid_purposes) || data.purpose in rule.valid_purposes)`,
			Message:        "personal data is used for no stated or for no valid purpose",
			Recommendation: "state one of the policy's valid purposes in data.purpose",
			Controls:       controls("gdpr:Art.5", "hipaa:164.502", "hipaa:164.506", "ccpa:CCC-1798.100", "iso27001:A.5.34", "soc2:P4.1"),
		},
		{
			ID:             "data_collection.prohibited_purposes",
			Parameters:     []Parameter{{"data_collection.prohibited_purposes", Texts}},
			When:           onPersonalData(using()),
			Require:        `has(data.purpose) && !(data.purpose in rule.prohibited_purposes)`,
			Message:        "personal data is used for a prohibited purpose, or for none that is stated",
			Recommendation: "do not use personal data for this purpose; state the purpose in data.purpose",
			Controls:       controls("gdpr:Art.5", "gdpr:Art.6", "hipaa:164.502", "hipaa:164.508", "ccpa:CCC-1798.100", "soc2:P4.1"),
		},
	}
}

func storage() []*Primitive {
	return []*Primitive{
		{
			ID:             "data_storage.encryption.algorithm",
			Parameters:     []Parameter{{"data_storage.encryption.algorithm", Text}},
			When:           onPersonalData(storing()),
			Require:        `has(data.encryption.algorithm) && data.encryption.algorithm == rule.algorithm`,
			Message:        "personal data is stored without the encryption the policy prescribes",
			Recommendation: "encrypt with the policy's algorithm and state it in data.encryption.algorithm",
			Controls: controls("gdpr:Art.32", "hipaa:164.312(a)(2)(iv)", "soc2:CC6.1", "soc2:CC6.7", "fedramp-moderate:sc-28", "fedramp-moderate:sc-28.1",
				"fedramp-moderate:sc-13", "iso27001:A.8.24"),
		},
		{
			ID:             "data_storage.encryption.key_rotation_days",
			Parameters:     []Parameter{{"data_storage.encryption.key_rotation_days", Count}},
			When:           onPersonalData(storing()),
			Require:        `has(data.encryption.keyAgeDays) && data.encryption.keyAgeDays <= rule.key_rotation_days`,
			Message:        "personal data is stored under a key that is older than the policy allows, or of unknown age",
			Recommendation: "rotate the key and state its age in data.encryption.keyAgeDays",
			Controls:       controls("gdpr:Art.32", "hipaa:164.312(a)(2)(iv)", "soc2:CC6.1", "fedramp-moderate:sc-12", "iso27001:A.8.24"),
		},
		{
			ID:             "data_storage.retention.max_days",
			Parameters:     []Parameter{{"data_storage.retention.max_days", Count}},
			When:           onPersonalData(storing()),
			Require:        `has(data.retentionDays) && data.retentionDays <= rule.max_days`,
			Message:        "personal data is stored for longer than the policy allows, or for an unknown time",
			Recommendation: "shorten the retention and state it in data.retentionDays",
			Controls:       controls("gdpr:Art.5", "ccpa:CCC-1798.100", "soc2:P4.2", "fedramp-moderate:si-12", "iso27001:A.8.10"),
		},
		{
			ID:             "data_storage.retention.deletion_policy",
			Parameters:     []Parameter{{"data_storage.retention.deletion_policy", Text}},
			When:           onPersonalData([]string{mesh.TypeDataDelete}),
			Require:        `has(context.deletionMethod) && context.deletionMethod == rule.deletion_policy`,
			Message:        "personal data is deleted by another method than the policy prescribes",
			Recommendation: "delete by the policy's method and state it in context.deletionMethod",
			Controls:       controls("gdpr:Art.5", "gdpr:Art.17", "hipaa:164.310(d)(2)(i)", "soc2:P4.3", "fedramp-moderate:mp-6", "iso27001:A.8.10"),
		},
		regions(),
	}
}

// regions holds the stored place and the destination to the list. Both must be
// stated where data moves; where it is stored, a destination that is stated
// counts, too.
func regions() *Primitive {
	types := append(storing(), moving()...)
	return &Primitive{
		ID:         "data_storage.location_restrictions.allowed_regions",
		Parameters: []Parameter{{"data_storage.location_restrictions.allowed_regions", Texts}},
		When:       onPersonalData(types),
		Require: `has(data.region) && data.region in rule.allowed_regions` +
			` && (has(data.destinationRegion) ? data.destinationRegion in rule.allowed_regions : !(` + typeIn(moving()) + `))`,
		Message:        "personal data is in, or moves to, a region the policy does not allow or that is not stated",
		Recommendation: "keep the data in an allowed region and state data.region and, where it moves, data.destinationRegion",
		Controls:       controls("gdpr:Art.44", "gdpr:Art.46", "fedramp-moderate:sa-9.5", "iso27001:A.5.14", "soc2:CC6.7"),
	}
}
