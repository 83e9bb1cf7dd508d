package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

// MaxHits bounds how many bundles of one result are ranked and counted.
const MaxHits = 20_000

// maxFacetValues bounds the values of one facet, the most frequent first.
const maxFacetValues = 100

// The facets of a search result.
const (
	FacetFramework = "framework"
	FacetVendor    = "vendor"
	FacetStatus    = "status"
	FacetMode      = "mode"
)

// StatusAny asks for releases of every status.
const StatusAny = "any"

// Frameworks knows the frameworks of the catalog; [frameworks.Catalog] is one.
type Frameworks interface {
	// FrameworkID returns the id of the framework with a name.
	FrameworkID(label string) (mesh.FrameworkID, bool)
	// Resolve returns the control that a label cites.
	Resolve(framework mesh.FrameworkID, label string) (mesh.ControlID, bool)
	// Frameworks lists all frameworks.
	Frameworks() []frameworks.Framework
	// Framework returns one framework by its id.
	Framework(id mesh.FrameworkID) (frameworks.Framework, bool)
	// Controls lists the controls of a framework in its own order.
	Controls(id mesh.FrameworkID) []frameworks.Control
	// Control returns one control.
	Control(id mesh.ControlID) (frameworks.Control, bool)
}

// SearchFilter is what a store is asked for: the releases that match
// everything that is set.
type SearchFilter struct {
	// Words must all occur, or any of them if AnyWord is set. They hold
	// letters, digits and marks only.
	Words   []string
	Prefix  bool // the last word may be the beginning of one
	AnyWord bool

	Framework mesh.FrameworkID
	Labels    []Label // at most 4
	Vendor    string
	// Status chooses which release of each bundle is looked at: the newest of
	// this status, of any, or, if empty, of the listed ones.
	Status  string
	Private bool // private namespaces too
}

// Label is a control, or everything below it: Local is reduced.
type Label struct {
	Framework mesh.FrameworkID // empty: any
	Local     string
}

// Hit is a release that matches, with what facets count.
type Hit struct {
	ID         int64   // the store's name for the release
	Score      float64 // lower is better
	Ref        mesh.BundleRef
	Vendor     string
	Status     hubapi.Status
	Frameworks []mesh.FrameworkID
	Modes      []mesh.Mode
}

// SearchStore finds releases.
type SearchStore interface {
	// Search returns the releases that match, at most one a bundle and limit
	// in all. Without words every score is 0.
	Search(ctx context.Context, tenant mesh.TenantID, f SearchFilter, limit int) ([]Hit, error)
	// SearchBundles returns the releases with these ids that still exist.
	SearchBundles(ctx context.Context, tenant mesh.TenantID, ids []int64) (map[int64]hubapi.Bundle, error)
	// KnowsLabel reports whether any release serves the control or one below.
	KnowsLabel(ctx context.Context, tenant mesh.TenantID, l Label) (bool, error)
	// KnowsWord reports whether any release has the word, or, with prefix, one
	// that begins with it.
	KnowsWord(ctx context.Context, tenant mesh.TenantID, word string, prefix bool) (bool, error)
	// Vocabulary returns the words of public, listed releases and in how many
	// of them each occurs.
	Vocabulary(ctx context.Context, tenant mesh.TenantID) (map[string]int, error)
}

// Search finds bundles by words, controls and facets. It is safe for
// concurrent use.
type Search struct {
	store      SearchStore
	frameworks Frameworks
	notify     *Notifier

	mu       sync.Mutex
	spelling map[mesh.TenantID]versioned
}

// versioned is a spelling and the count of changes it was made at.
type versioned struct {
	*spelling
	version uint64
}

// NewSearch returns the service. It makes its vocabulary anew after a change
// of [TopicReleases].
func NewSearch(store SearchStore, f Frameworks, n *Notifier) *Search {
	return &Search{store: store, frameworks: f, notify: n, spelling: map[mesh.TenantID]versioned{}}
}

// Find answers a query: every bundle at most once, best first, with facets
// counted over the whole result. Words that occur nowhere are corrected, which
// the result says; a query that then still finds nothing is answered with
// whatever has any of its words. private adds private namespaces. Parameters
// that make no sense are [mesh.CodeInvalid].
func (s *Search) Find(ctx context.Context, tenant mesh.TenantID, q hubapi.SearchQuery, private bool) (hubapi.SearchResult, error) {
	none := hubapi.SearchResult{Items: []hubapi.Bundle{}, Facets: map[string][]hubapi.Facet{}}
	limit, err := Limit(q.Limit)
	if err != nil {
		return none, err
	}
	filter, words, err := s.filter(ctx, tenant, q, private)
	if err != nil {
		return none, err
	}
	hits, corrected, err := s.find(ctx, tenant, filter, words)
	if err != nil {
		return none, fmt.Errorf("searching: %w", err)
	}
	slices.SortFunc(hits, func(a, b Hit) int { return positionOf(a).compare(positionOf(b)) })
	result := hubapi.SearchResult{Total: len(hits), Facets: facets(hits), Corrected: corrected}
	result.Items, result.Next, err = s.page(ctx, tenant, hits, q.Cursor, limit)
	if err != nil {
		return none, err
	}
	return result, nil
}

// filter reads the parameters.
func (s *Search) filter(ctx context.Context, tenant mesh.TenantID, q hubapi.SearchQuery, private bool) (SearchFilter, query, error) {
	f := SearchFilter{Vendor: q.Vendor, Status: q.Status, Private: private}
	if err := checkStatus(q.Status); err != nil {
		return f, query{}, err
	}
	parsed, err := parseQuery(q.Text)
	if err != nil {
		return f, query{}, err
	}
	if q.Framework != "" {
		f.Framework = mesh.FrameworkID(strings.ToLower(string(q.Framework)))
		if id, ok := s.frameworks.FrameworkID(string(q.Framework)); ok {
			f.Framework = id
		}
	}
	if q.Control != "" {
		l, _, err := s.known(ctx, tenant, parseLabel(s.frameworks, f.Framework, q.Control))
		if err != nil {
			return f, query{}, err
		}
		f.Labels = append(f.Labels, l)
	}
	text := q.Text
	for _, cited := range parsed.citations {
		if len(f.Labels) == maxLabels {
			break
		}
		l, ok, err := s.known(ctx, tenant, parseLabel(s.frameworks, f.Framework, cited))
		if err != nil {
			return f, query{}, err
		}
		if ok {
			f.Labels = append(f.Labels, l)
			parsed = parsed.without(text, cited)
			text = strings.Replace(text, cited, " ", 1)
		}
	}
	return f, parsed, nil
}

// known returns the nearest of a control and those above it that any release
// serves; false, and the control itself, if none is.
func (s *Search) known(ctx context.Context, tenant mesh.TenantID, l label) (Label, bool, error) {
	exact := Label{Framework: l.framework, Local: l.local}
	for _, local := range ancestors(l.local) {
		candidate := Label{Framework: l.framework, Local: local}
		ok, err := s.store.KnowsLabel(ctx, tenant, candidate)
		if err != nil {
			return exact, false, fmt.Errorf("looking up control %s: %w", l.text, err)
		}
		if ok {
			return candidate, true, nil
		}
	}
	return exact, false, nil
}

func checkStatus(status string) error {
	switch hubapi.Status(status) {
	case "", StatusAny, hubapi.StatusVerified, hubapi.StatusUnsigned, hubapi.StatusRefused,
		hubapi.StatusInvalid, hubapi.StatusYanked, hubapi.StatusDeprecated:
		return nil
	}
	return mesh.Errorf(mesh.CodeInvalid, "there is no status %q", status).
		WithHint("use verified, unsigned, refused, invalid, yanked, deprecated or any")
}

// find looks for all words, then for the corrected words, then for any.
func (s *Search) find(ctx context.Context, tenant mesh.TenantID, f SearchFilter, q query) (hits []Hit, corrected string, err error) {
	f.Words, f.Prefix = q.words, q.prefix
	hits, err = s.store.Search(ctx, tenant, f, MaxHits)
	if err != nil || len(hits) > 0 || len(f.Words) == 0 {
		return hits, "", err
	}
	words, changed, err := s.correct(ctx, tenant, q)
	if err != nil {
		return nil, "", err
	}
	if changed {
		last := len(words) - 1
		f.Words, f.Prefix, corrected = words, q.prefix && words[last] == q.words[last], strings.Join(words, " ")
		hits, err = s.store.Search(ctx, tenant, f, MaxHits)
		if err != nil || len(hits) > 0 {
			return hits, corrected, err
		}
	}
	if len(f.Words) > 1 {
		f.AnyWord = true
		hits, err = s.store.Search(ctx, tenant, f, MaxHits)
	}
	if len(hits) == 0 {
		corrected = "" // it was no help
	}
	return hits, corrected, err
}

// correct replaces the words that occur nowhere.
func (s *Search) correct(ctx context.Context, tenant mesh.TenantID, q query) (words []string, changed bool, err error) {
	var sp *spelling
	for i, w := range q.words {
		known, err := s.store.KnowsWord(ctx, tenant, w, q.prefix && i == len(q.words)-1)
		if err != nil {
			return nil, false, err
		}
		if !known {
			if sp == nil {
				if sp, err = s.vocabulary(ctx, tenant); err != nil {
					return nil, false, err
				}
			}
			if better, ok := sp.correct(w); ok {
				w, changed = better, true
			}
		}
		words = append(words, w)
	}
	return words, changed, nil
}

// vocabulary returns the spelling of the releases as they are now.
func (s *Search) vocabulary(ctx context.Context, tenant mesh.TenantID) (*spelling, error) {
	version := s.notify.Version(TopicReleases)
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.spelling[tenant]; ok && v.version == version {
		return v.spelling, nil
	}
	words, err := s.store.Vocabulary(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("reading the vocabulary: %w", err)
	}
	sp := newSpelling(words)
	s.spelling[tenant] = versioned{sp, version}
	return sp, nil
}

// position is the place of a hit in the order of a result.
type position struct {
	Score     float64        `json:"s"`
	Namespace mesh.Namespace `json:"o"`
	Name      string         `json:"n"`
}

func positionOf(h Hit) position { return position{h.Score, h.Ref.Namespace, h.Ref.Name} }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.Score, q.Score), cmp.Compare(p.Namespace, q.Namespace), cmp.Compare(p.Name, q.Name))
}

// page loads the hits behind a cursor.
func (s *Search) page(ctx context.Context, tenant mesh.TenantID, hits []Hit, cursor string, limit int) (items []hubapi.Bundle, next string, err error) {
	const kind = "search"
	key, err := decodeCursor(kind, cursor)
	if err != nil {
		return nil, "", err
	}
	if key != "" {
		var after position
		if err := json.Unmarshal([]byte(key), &after); err != nil {
			return nil, "", mesh.Errorf(mesh.CodeInvalid, "the cursor is not one of a search")
		}
		at, found := slices.BinarySearchFunc(hits, after, func(h Hit, p position) int { return positionOf(h).compare(p) })
		if found {
			at++
		}
		hits = hits[at:]
	}
	if len(hits) > limit {
		hits = hits[:limit]
		last, err := json.Marshal(positionOf(hits[limit-1]))
		if err != nil {
			return nil, "", fmt.Errorf("encoding a cursor: %w", err)
		}
		next = encodeCursor(kind, string(last))
	}
	ids := make([]int64, len(hits))
	for i, h := range hits {
		ids[i] = h.ID
	}
	loaded, err := s.store.SearchBundles(ctx, tenant, ids)
	if err != nil {
		return nil, "", fmt.Errorf("reading what was found: %w", err)
	}
	items = make([]hubapi.Bundle, 0, len(hits))
	for _, id := range ids {
		if b, ok := loaded[id]; ok {
			items = append(items, b)
		}
	}
	return items, next, nil
}

// facets counts the values over all hits.
func facets(hits []Hit) map[string][]hubapi.Facet {
	counts := map[string]map[string]int{FacetFramework: {}, FacetVendor: {}, FacetStatus: {}, FacetMode: {}}
	for _, h := range hits {
		for _, f := range h.Frameworks {
			counts[FacetFramework][string(f)]++
		}
		for _, m := range h.Modes {
			counts[FacetMode][string(m)]++
		}
		if h.Vendor != "" {
			counts[FacetVendor][h.Vendor]++
		}
		counts[FacetStatus][string(h.Status)]++
	}
	out := make(map[string][]hubapi.Facet, len(counts))
	for name, values := range counts {
		facet := make([]hubapi.Facet, 0, len(values))
		for v, n := range values {
			facet = append(facet, hubapi.Facet{Value: v, Count: n})
		}
		slices.SortFunc(facet, func(a, b hubapi.Facet) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		out[name] = facet[:min(len(facet), maxFacetValues)]
	}
	return out
}
