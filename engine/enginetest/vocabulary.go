package enginetest

import (
	"slices"
	"strings"
)

// The words that policies and actions share, so that rules fire. Those of one
// topic are what people confuse with each other.
var words = map[string][]string{
	"action.type": {"model.call", "tool.call", "data.read", "data.write", "data.delete", "data.export", "egress", "memory.write",
		"subject.request", "workflow.step", "artifact.load", "model.output", "vendor.audit"},
	"agent.type":     {"conversational", "analytics", "automation"},
	"agent.status":   {"active", "suspended", "killed"},
	"resource.type":  {"pii_data", "phi_data", "document", "model", "tool"},
	"request.status": {"open", "fulfilled", "refused", "Refused", "rejected", ""},
	"finding":        {"EMAIL", "PHONE", "SSN", "IBAN", "email", "Iban", "MRN", "PROFANITY", "API_KEY", ""},
	"category": {"pii", "phi", "health", "special_category", "criminal", "genetic", "religion", "ephi", "psychotherapy_notes",
		"PII", "Health", "public", "telemetry", ""},
	"purpose":        {"user_support", "service_improvement", "research", "marketing_without_consent", ""},
	"basis":          {"consent", "contract", "legal_obligation", "legitimate_interests", ""},
	"algorithm":      {"AES-256-GCM", "AES-128-GCM", "aes-256-gcm", "none"},
	"region":         {"eu-west-1", "eu-central-1", "us-east-1", "eu"},
	"deletion":       {"secure_erase", "soft_delete", "crypto_shred"},
	"format":         {"JSON", "CSV", "json"},
	"person":         {"user-1", "user-2", "dpo"},
	"agent":          {"agent-1", "agent-2", ""},
	"tenant":         {"tenant-a", "tenant-b"},
	"environment":    {"production", "staging", "development", ""},
	"role":           {"support", "admin", "dpo"},
	"scope":          {"crm.read", "crm.write", "payments.pay", "crm.*", ""},
	"classification": {"public", "internal", "confidential", "restricted", ""},
	"digest":         {"sha256:" + strings.Repeat("a1", 32), "sha256:" + strings.Repeat("b2", 32)},
	"server":         {"crm", "payments", "mail", ""},
	"tool":           {"lookup", "pay", "delete_all", ""},
	"provider":       {"openai", "anthropic", "acme", ""},
	"model":          {"gpt-4", "claude", "acme-7b"},
	"contract":       {"dpa-2026-01", "baa-2025-07", "none"},
	"host":           {"api.example.com", "files.example.com", "evil.example", "10.0.0.1"},
	"malware":        {"clean", "EICAR", "unknown"},
	"label":          {"safe", "toxic", "medical"},
	"taint":          {"pii", "untrusted", "secret"},
	"field":          {"email", "name", "ssn", "iban"},
	"id":             {"a", "b", "customer-1", ""},
	"address":        {"192.168.1.1", "10.0.0.1", "2001:db8::1"},
	"text":           {"a", "", "Grüße", "line\nbreak", "it's \"quoted\" \\ here", "日本", "😀", "pii"},
	"key":            {"amount", "currency", "flag", "tags", "nested", "note", "deletionMethod"},
	"currency":       {"EUR", "NOK", "USD"},
	"path":           {"data.purpose", "resource.id", "tool.name", "agent.id", "actor.userId", "data.consent.given"},
}

// fieldTopics gives words to fields of the action: the first name that the
// path ends in decides.
var fieldTopics = []topicOf{
	{"action.type", "action.type"}, {"agent.type", "agent.type"}, {"agent.status", "agent.status"}, {"resource.type", "resource.type"},
	{"request.status", "request.status"}, {"findings.type", "finding"}, {"request.right", "right"}, {"enantId", "tenant"},
	{"agentId", "agent"}, {"agent.id", "agent"}, {"userId", "person"}, {"subject.id", "person"}, {"ipAddress", "address"},
	{"igest", "digest"}, {"deletionMethod", "deletion"}, {"agents.allowed_types", "agent.type"}, {"artifacts.allowed_types", "resource.type"},
	{"artifacts.allowed", "id"}, {"data_in", "action.type"}, {"tool.name", "tool"}, {"model.name", "model"}, {"content.labels", "label"}, {".id", "id"}, {"Id", "id"},
}

// wordTopics gives words to whatever has no topic by its path: the first name
// that an element of the path contains decides, the last element first.
var wordTopics = []topicOf{
	{"action_type", "action.type"}, {"resource_type", "resource.type"}, {"deletion", "deletion"}, {"egion", "region"}, {"urpose", "purpose"},
	{"categor", "category"}, {"asis", "basis"}, {"bases", "basis"}, {"lgorithm", "algorithm"}, {"ormat", "format"}, {"nvironment", "environment"},
	{"group", "role"}, {"role", "role"}, {"scope", "scope"}, {"lassif", "classification"}, {"clearance", "classification"}, {"server", "server"},
	{"provider", "provider"}, {"contract", "contract"}, {"host", "host"}, {"domain", "host"}, {"digest", "digest"}, {"finding", "finding"},
	{"detector", "finding"}, {"secret", "finding"}, {"approver", "person"}, {"user", "person"}, {"stopped", "agent"}, {"tenant", "tenant"},
	{"argument", "key"}, {"required", "key"}, {"key", "key"}, {"currency", "currency"}, {"malware", "malware"}, {"label", "label"}, {"taint", "taint"},
	{"field", "field"}, {"input", "path"}, {"status", "agent.status"}, {"tool", "tool"}, {"model", "model"}, {"resource.id", "id"},
	{"agent", "agent"}, {"action", "action.type"}, {"operation", "action.type"},
}

// topicOf is the topic of what is named so.
type topicOf struct{ name, topic string }

// wordsOf returns the words of a field or parameter.
func wordsOf(path string) []string {
	switch topic := topicAt(path); topic {
	case "":
		return words["text"]
	case "right":
		return requestRights
	default:
		return words[topic]
	}
}

// topical reports whether a path has a topic of its own.
func topical(path string) bool { return topicAt(path) != "" }

func topicAt(path string) string {
	for _, t := range fieldTopics {
		if strings.HasSuffix(path, t.name) {
			return t.topic
		}
	}
	elements := strings.Split(path, ".")
	slices.Reverse(elements)
	for _, element := range elements {
		for _, t := range wordTopics {
			if strings.Contains(element, t.name) {
				return t.topic
			}
		}
	}
	return ""
}

// requestRights are the rights and what is none.
var requestRights = append(slices.Clone(rights), "Erasure", "forgetting", "")

// allWords returns every word once, sorted.
func allWords() []string {
	var every []string
	for _, list := range words {
		every = append(every, list...)
	}
	every = append(every, requestRights...)
	slices.Sort(every)
	return slices.Compact(every)
}

// objects are the parts of an action that its type is about.
var objects = map[string]string{
	"model.call": "model", "tool.call": "tool", "data.read": "data", "data.write": "data", "data.delete": "data", "data.export": "data",
	"egress": "egress", "memory.write": "data", "subject.request": "request", "artifact.load": "resource", "model.output": "content",
}

// limits are the numbers that policies set; actions have them and their
// neighbors.
var limits = []int64{1, 5, 30, 90, 365, 500, 720, 1000}

// scores are for numbers from 0 to 1.
var scores = []float64{0, 0.2, 0.5, 0.79, 0.8, 0.81, 1}

// moments are times at which zones differ in day, in hour and in daylight
// saving.
var moments = []string{"2026-11-22T10:00:00.123Z", "2026-03-29T01:30:00Z", "2026-12-31T23:30:00-05:00", "2026-07-01T05:59:59+02:00", "2024-02-29T00:00:00Z"}

var zones = []string{"UTC", "Europe/Oslo", "America/New_York", "Asia/Kolkata", "+02:00", "-05:30", "01:00"}
