package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
)

// The choices a release can be the newest of; the bits of release.newest.
const (
	newestOfStatus = 1
	newestListed   = 2
	newestOfAll    = 4
)

// updateNewest computes the bits for all releases of a bundle. Releases come
// before pre-releases: who asks for nothing in particular wants no candidate.
const updateNewest = `UPDATE release SET newest = (
		SELECT CASE WHEN r.of_status = 1 THEN 1 ELSE 0 END
		     + CASE WHEN r.listed AND r.of_listed = 1 THEN 2 ELSE 0 END
		     + CASE WHEN r.of_all = 1 THEN 4 ELSE 0 END
		FROM (
			SELECT id, status IN ('verified', 'deprecated') AS listed,
				row_number() OVER (PARTITION BY status ORDER BY prerelease, version_key DESC) AS of_status,
				row_number() OVER (PARTITION BY status IN ('verified', 'deprecated') ORDER BY prerelease, version_key DESC) AS of_listed,
				row_number() OVER (ORDER BY prerelease, version_key DESC) AS of_all
			FROM release WHERE tenant = ?1 AND namespace = ?2 AND name = ?3
		) AS r WHERE r.id = release.id)
	WHERE tenant = ?1 AND namespace = ?2 AND name = ?3`

const clearText = `DELETE FROM release_text WHERE rowid IN (
	SELECT id FROM release WHERE tenant = ?1 AND namespace = ? AND name = ?)`

const clearWords = `DELETE FROM release_word WHERE rowid IN (
	SELECT id FROM release WHERE tenant = ?1 AND namespace = ? AND name = ?)`

// A vendor is found like a word of the name, and the words of a policy like
// those of its readme.
const fillText = `INSERT INTO release_text (rowid, title, name, summary, frameworks, controls, readme)
	SELECT id, title, namespace || ' ' || name || ' ' || vendor, summary,
		(SELECT coalesce(group_concat(value, ' '), '') FROM json_each(release.frameworks)),
		words, readme
	FROM release WHERE tenant = ?1 AND namespace = ? AND name = ? AND newest <> 0`

const fillWords = `INSERT INTO release_word (rowid, words)
	SELECT r.id, r.title || ' ' || r.namespace || ' ' || r.name || ' ' || r.vendor || ' ' || r.summary || ' ' ||
		(SELECT coalesce(group_concat(value, ' '), '') FROM json_each(r.frameworks)) || ' ' || r.words || ' ' || r.readme
	FROM release AS r
	WHERE r.tenant = ?1 AND r.namespace = ? AND r.name = ? AND r.newest & 2 <> 0 AND NOT EXISTS (
		SELECT 1 FROM namespace AS n WHERE n.tenant = ?1 AND n.name = r.namespace AND n.visibility = 'private')`

// clearSearch takes a bundle out of the full-text tables.
func clearSearch(tx *sqlite.Tx, ref mesh.BundleRef) error {
	for _, statement := range []string{clearText, clearWords} {
		if _, err := tx.Exec(statement, ref.Namespace, ref.Name); err != nil {
			return fmt.Errorf("clearing the search rows of %s: %w", ref, err)
		}
	}
	return nil
}

// refreshSearch brings what search knows of a bundle up to date.
func refreshSearch(tx *sqlite.Tx, ref mesh.BundleRef) error {
	if _, err := tx.Exec(updateNewest, ref.Namespace, ref.Name); err != nil {
		return fmt.Errorf("finding the newest releases of %s: %w", ref, err)
	}
	if err := clearSearch(tx, ref); err != nil {
		return err
	}
	for _, statement := range []string{fillText, fillWords} {
		if _, err := tx.Exec(statement, ref.Namespace, ref.Name); err != nil {
			return fmt.Errorf("filling the search rows of %s: %w", ref, err)
		}
	}
	return nil
}

const hitColumns = `r.id, r.namespace, r.name, r.vendor, r.status, r.frameworks, r.modes`

// hitFilters are the conditions on a release, whatever it is found by. A
// filter that is not set is empty. The label of a control matches itself and
// what lies below it: the only character after a label that sorts before '/'
// and occurs in labels is the dot.
const hitFilters = `r.tenant = ?1 AND r.newest & ?2 <> 0
	AND (?3 = '' OR r.status = ?3)
	AND (?4 = '' OR r.vendor = ?4 OR r.namespace = ?4)
	AND (?5 = '' OR EXISTS (SELECT 1 FROM release_framework AS f WHERE f.tenant = ?1 AND f.framework = ?5 AND f.release = r.id))
	AND (?6 OR NOT EXISTS (SELECT 1 FROM namespace AS n WHERE n.tenant = ?1 AND n.name = r.namespace AND n.visibility = 'private'))
	AND (?7 = '' OR EXISTS (SELECT 1 FROM release_control AS c WHERE c.tenant = ?1 AND c.release = r.id
		AND c.label >= ?7 AND c.label < ?7 || '/' AND (?8 = '' OR c.framework = ?8)))
	AND (?9 = '' OR EXISTS (SELECT 1 FROM release_control AS c WHERE c.tenant = ?1 AND c.release = r.id
		AND c.label >= ?9 AND c.label < ?9 || '/' AND (?10 = '' OR c.framework = ?10)))
	AND (?11 = '' OR EXISTS (SELECT 1 FROM release_control AS c WHERE c.tenant = ?1 AND c.release = r.id
		AND c.label >= ?11 AND c.label < ?11 || '/' AND (?12 = '' OR c.framework = ?12)))
	AND (?13 = '' OR EXISTS (SELECT 1 FROM release_control AS c WHERE c.tenant = ?1 AND c.release = r.id
		AND c.label >= ?13 AND c.label < ?13 || '/' AND (?14 = '' OR c.framework = ?14)))`

const searchAll = `SELECT ` + hitColumns + `, 0.0 FROM release AS r WHERE ` + hitFilters + ` LIMIT ?15`

// The weights are of title, name, summary, frameworks, controls and readme.
const searchText = `SELECT ` + hitColumns + `, bm25(release_text, 8.0, 10.0, 4.0, 6.0, 2.0, 1.0) AS score
	FROM release_text JOIN release AS r ON r.id = release_text.rowid
	WHERE release_text MATCH ?16 AND ` + hitFilters + ` ORDER BY score LIMIT ?15`

// labelSlots is how many labels hitFilters has room for.
const labelSlots = 4

// Search implements [catalog.SearchStore].
func (s *Store) Search(ctx context.Context, tenant mesh.TenantID, f catalog.SearchFilter, limit int) ([]catalog.Hit, error) {
	if len(f.Labels) > labelSlots {
		return nil, fmt.Errorf("searching for %d controls at once, more than %d", len(f.Labels), labelSlots)
	}
	newest, status := newestListed, ""
	switch f.Status {
	case "":
	case catalog.StatusAny:
		newest = newestOfAll
	default:
		newest, status = newestOfStatus, f.Status
	}
	args := []any{newest, status, f.Vendor, f.Framework, f.Private}
	for i := range labelSlots {
		var l catalog.Label
		if i < len(f.Labels) {
			l = f.Labels[i]
		}
		args = append(args, l.Local, l.Framework)
	}
	args = append(args, limit)
	query := searchAll
	if len(f.Words) > 0 {
		query = searchText
		args = append(args, matchExpression(f.Words, f.Prefix, f.AnyWord))
	}
	var hits []catalog.Hit
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var h catalog.Hit
			var frameworks, modes string
			if err := scan(&h.ID, &h.Ref.Namespace, &h.Ref.Name, &h.Vendor, &h.Status, &frameworks, &modes, &h.Score); err != nil {
				return err
			}
			if err := errors.Join(decode(frameworks, &h.Frameworks), decode(modes, &h.Modes)); err != nil {
				return err
			}
			hits = append(hits, h)
			return nil
		}, query, args...)
	})
	return hits, err
}

// literal escapes what is put between quotes. NUL would end the expression.
var literal = strings.NewReplacer(`"`, `""`, "\x00", "")

// matchExpression writes a query in the syntax of FTS5. Every word is a
// string literal, so nothing a user types is syntax
// (https://www.sqlite.org/fts5.html#fts5_strings).
func matchExpression(words []string, prefix, anyWord bool) string {
	joiner := " AND "
	if anyWord {
		joiner = " OR "
	}
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = `"` + literal.Replace(w) + `"`
	}
	if prefix {
		// The stemmed word as it is, or as the beginning of another.
		last := parts[len(parts)-1]
		parts[len(parts)-1] = "(" + last + " OR " + last + " *)"
	}
	return strings.Join(parts, joiner)
}

const selectBundles = `SELECT ` + bundleColumns + ` FROM release
	WHERE tenant = ?1 AND id IN (SELECT value FROM json_each(?))`

// SearchBundles implements [catalog.SearchStore].
func (s *Store) SearchBundles(ctx context.Context, tenant mesh.TenantID, ids []int64) (map[int64]hubapi.Bundle, error) {
	out := make(map[int64]hubapi.Bundle, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("encoding ids: %w", err)
	}
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var b hubapi.Bundle
			id, err := scanBundle(scan, &b)
			out[id] = b
			return err
		}, selectBundles, string(list))
	})
	return out, err
}

const existsLabel = `SELECT EXISTS (SELECT 1 FROM release_control
	WHERE tenant = ?1 AND label >= ?2 AND label < ?2 || '/' AND (?3 = '' OR framework = ?3))`

// KnowsLabel implements [catalog.SearchStore].
func (s *Store) KnowsLabel(ctx context.Context, tenant mesh.TenantID, l catalog.Label) (known bool, err error) {
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(existsLabel, l.Local, l.Framework).Scan(&known)
	})
	return known, err
}

const existsWord = `SELECT EXISTS (SELECT 1 FROM release_text JOIN release AS r ON r.id = release_text.rowid
	WHERE release_text MATCH ?2 AND r.tenant = ?1)`

// KnowsWord implements [catalog.SearchStore].
func (s *Store) KnowsWord(ctx context.Context, tenant mesh.TenantID, word string, prefix bool) (known bool, err error) {
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(existsWord, matchExpression([]string{word}, prefix, false)).Scan(&known)
	})
	return known, err
}

// The vocabulary is not kept by tenant. Only words of public releases are in
// it, and it is used to correct words of a query, so tenants learn nothing of
// each other but spellings.
const selectVocabulary = `SELECT term, doc FROM release_vocabulary WHERE ?1 <> ''`

// Vocabulary implements [catalog.SearchStore].
func (s *Store) Vocabulary(ctx context.Context, tenant mesh.TenantID) (map[string]int, error) {
	words := map[string]int{}
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var w string
			var n int
			if err := scan(&w, &n); err != nil {
				return err
			}
			words[w] = n
			return nil
		}, selectVocabulary)
	})
	return words, err
}
