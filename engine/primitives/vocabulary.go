package primitives

import (
	"slices"
	"strings"
	"sync"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
)

// Vocabulary is the words of one kind that the language gives a meaning to, such
// as the types of actions.
type Vocabulary struct {
	Name   string // in the library's files
	Title  string // one of its words in a sentence, as "action type"
	Words  []string
	Places []string // of the action that hold its words, in lists as elements

	// Closed is true where the language has no place for other words. Of an
	// open vocabulary anybody may have words of their own.
	Closed bool
	// AnyCase is true where words count in whatever case they are written.
	AnyCase bool
}

// ActionTypeVocabulary is the name of the vocabulary of action types.
const ActionTypeVocabulary = "action_type"

// vocabularies are all there are.
var vocabularies = sync.OnceValue(func() []*Vocabulary {
	return []*Vocabulary{
		{Name: ActionTypeVocabulary, Title: "action type", Words: mesh.ActionTypes(), Places: []string{"action.type"}},
		{Name: "agent_type", Title: "type of agent", Words: []string{"conversational", "analytics", "automation"}, Places: []string{"agent.type"}, Closed: true},
		{Name: "agent_status", Title: "status of an agent", Words: []string{"active", "suspended", "killed"}, Places: []string{"agent.status"}, Closed: true},
		{Name: "artifact_type", Title: "type of artifact", Words: []string{"model", "tool", "skill", "policy"}},
		{Name: "resource_type", Title: "type of resource", Words: []string{"pii_data", "phi_data"}, Places: []string{"resource.type"}},
		{
			Name: "legal_basis", Title: "legal basis", Places: []string{"data.legalBasis"},
			Words: []string{"consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"},
		},
		{Name: "data_category", Title: "category of data", Words: PersonalCategories(), Places: []string{"data.categories"}, AnyCase: true},
		{
			Name: "finding_type", Title: "type of finding", Places: []string{"content.findings.type"}, AnyCase: true,
			Words: slices.Concat(PersonalFindings(), SecretFindings()),
		},
		{Name: "request_status", Title: "status of a request", Words: []string{"open", "fulfilled", "refused"}, Places: []string{"request.status"}, Closed: true},
		{
			Name: "right", Title: "right of a data subject", Places: []string{"request.right"},
			Words: []string{
				"access", "rectification", "erasure", "restriction", "portability", "objection", "human_review",
				"amendment", "accounting", "know", "deletion", "correction", "opt_out", "limit_use",
			},
		},
	}
})

// SecretFindings are the finding types that mean a password, key or token, for
// which content.no_secrets asks.
func SecretFindings() []string {
	return []string{
		"API_KEY", "ACCESS_KEY", "ACCESS_TOKEN", "REFRESH_TOKEN", "TOKEN", "JWT", "SECRET", "SECRET_KEY", "PRIVATE_KEY", "SSH_KEY",
		"PASSWORD", "CREDENTIAL", "CREDENTIALS", "CONNECTION_STRING", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "GITHUB_TOKEN", "WEBHOOK_URL",
		"SECRETS", "TOKENS", "PASSWORDS", "PASSWD", "PASSPHRASE",
	}
}

// VocabularyOf returns the vocabulary of that name, or nil.
func VocabularyOf(name string) *Vocabulary {
	return vocabulary(func(v *Vocabulary) bool { return v.Name == name })
}

// VocabularyAt returns the vocabulary of a place of the action, or nil.
func VocabularyAt(path string) *Vocabulary {
	return vocabulary(func(v *Vocabulary) bool { return slices.Contains(v.Places, path) })
}

func vocabulary(is func(*Vocabulary) bool) *Vocabulary {
	all := vocabularies()
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return nil
}

// Has reports whether a word is one of the vocabulary's.
func (v *Vocabulary) Has(word string) bool {
	return slices.ContainsFunc(v.Words, func(w string) bool { return w == word || v.AnyCase && strings.EqualFold(w, word) })
}

// Misspelt returns the word that was probably meant by one that the vocabulary
// does not have; "" if none was.
func (v *Vocabulary) Misspelt(word string) string {
	if v.Has(word) {
		return ""
	}
	return spelling.Misspelt(word, v.Words)
}
