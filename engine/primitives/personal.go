package primitives

import (
	"strings"
	"unicode/utf8"

	"github.com/ai-agent-mesh/mesh"
)

// PersonalCategories are the data categories that mean personal data: pii,
// phi, the special categories of GDPR Art. 9(1) and the criminal records of
// Art. 10. A category counts in lower case, in upper case and capitalized.
func PersonalCategories() []string {
	return []string{
		"pii", "phi", "special", "special_category", "sensitive",
		"racial_origin", "ethnic_origin", "political_opinion", "religious_belief", "philosophical_belief", "religion",
		"trade_union", "genetic", "biometric", "health", "sex_life", "sexual_orientation",
		"criminal", "ephi", "psychotherapy_notes",
	}
}

// PersonalFindings are the finding types that identify a person. They cover
// the identifiers of 45 CFR 164.514(b)(2)(i) and what GDPR Art. 4(1) calls an
// online identifier. A type counts in the same spellings as a category.
func PersonalFindings() []string {
	return []string{
		"PERSON", "NAME", "EMAIL", "EMAIL_ADDRESS", "PHONE", "PHONE_NUMBER", "FAX_NUMBER",
		"ADDRESS", "STREET_ADDRESS", "LOCATION", "POSTAL_CODE", "GPS_COORDINATES",
		"DATE_OF_BIRTH", "AGE",
		"SSN", "US_SSN", "NATIONAL_ID", "TAX_ID", "PASSPORT", "US_PASSPORT", "DRIVER_LICENSE", "US_DRIVER_LICENSE", "ITIN", "US_ITIN", "NHS_NUMBER", "UK_NHS",
		"MEDICAL_RECORD_NUMBER", "MRN", "HEALTH_PLAN_NUMBER", "MEDICAL_LICENSE", "NPI",
		"CREDIT_CARD", "IBAN", "IBAN_CODE", "BANK_ACCOUNT", "US_BANK_NUMBER", "ACCOUNT_NUMBER",
		"IP_ADDRESS", "MAC_ADDRESS", "DEVICE_ID", "IMEI", "COOKIE_ID", "USERNAME",
		"VEHICLE_ID", "VIN", "LICENSE_PLATE", "CERTIFICATE_NUMBER",
		"BIOMETRIC", "FACE_PHOTO",
	}
}

// The names under which rules, built-in and custom, ask for [PersonalData] and
// [HealthData]: personalData(), healthData().
const (
	PersonalDataPredicate = "personalData"
	HealthDataPredicate   = "healthData"
)

// Predicate is a question about the action that rules may ask as NAME(). It is
// decided once for an action.
type Predicate struct {
	Name string
	CEL  string // over the action alone
}

// Predicates returns every predicate of the language.
func Predicates() []Predicate {
	return []Predicate{{PersonalDataPredicate, PersonalData()}, {HealthDataPredicate, HealthData()}}
}

// PersonalData is the CEL that says personal data is in play: a category, the
// resource or a finding says so. Where data is touched, absent categories say
// so too; an empty list of categories asserts that no category applies. A
// category that is an empty text and a finding without a type, or with an empty
// one, might be any and count; a finding with a count of 0 does not.
func PersonalData() string {
	return `(has(data.categories) ? data.categories.exists(c, c in ` + orEmpty(PersonalCategories()) + `)` +
		` : ` + touchesData + `)` +
		` || (has(resource.type) && resource.type in ["pii_data", "phi_data"])` +
		` || (has(content.findings) && content.findings.exists(f, (!has(f.count) || f.count > 0)` +
		` && (!has(f.type) || f.type in ` + orEmpty(PersonalFindings()) + `)))`
}

// HealthData is the CEL that says health information of a person is in play,
// protected health information in the words of 45 CFR 160.103. Absent
// categories, empty lists and empty texts of them and findings, also those
// without a type, count as in [PersonalData].
func HealthData() string {
	return `(has(data.categories) ? data.categories.exists(c, c in ` + orEmpty([]string{"phi", "ephi", "health", "psychotherapy_notes"}) + `)` +
		` : ` + touchesData + `)` +
		` || (has(resource.type) && resource.type == "phi_data")` +
		` || (has(content.findings) && content.findings.exists(f, (!has(f.count) || f.count > 0)` +
		` && (!has(f.type) || f.type in ` + orEmpty([]string{"MEDICAL_RECORD_NUMBER", "MRN", "HEALTH_PLAN_NUMBER", "UK_NHS", "NHS_NUMBER"}) + `)))`
}

// touchesData is the CEL of the actions on which absent categories count as
// personal data: all data.*, also a vendor's own, memory.write and egress.
const touchesData = `(action.type.startsWith("data.") || action.type in ["` + mesh.TypeMemoryWrite + `", "` + mesh.TypeEgress + `"])`

// orEmpty is a CEL list of the words in lower case, in upper case and
// capitalized, since a category that is spelled "Pii" must not pass for none, and
// of the empty text, which might stand for any of them. As one list it takes no
// longer than the words alone.
func orEmpty(words []string) string {
	all := []string{""}
	for _, w := range words {
		all = append(all, spellings(w)...)
	}
	return quoted(all)
}

// spellings are the word in lower case, in upper case and capitalized.
func spellings(word string) []string {
	lower, upper := strings.ToLower(word), strings.ToUpper(word)
	_, size := utf8.DecodeRuneInString(lower)
	return []string{lower, upper, strings.ToUpper(lower[:size]) + lower[size:]}
}
