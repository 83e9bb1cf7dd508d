package policy

import (
	"reflect"
	"slices"
	"strings"
)

// order says which of two values of a built-in rule's parameter is the
// narrower one.
type order string

// The orders.
const (
	orderSubset   order = "subset"   // the list with fewer elements
	orderSuperset order = "superset" // the list with more elements
	orderAtMost   order = "at-most"  // the lower number
	orderAtLeast  order = "at-least" // the higher number
	orderEqual    order = "equal"    // only the same value
	orderOn       order = "on"       // true
)

// parameterOrder returns the order of a parameter by its path below rules, and
// whether a rule without it allows everything, so that adding it narrows. ok is
// false for a parameter nobody said anything about.
func parameterOrder(path string) (o order, openWithout, ok bool) {
	switch path {
	case "data_collection.consent_required", "data_collection.purpose_limitation":
		return orderOn, false, true
	case "data_collection.valid_purposes":
		return orderSubset, true, true
	case "data_collection.prohibited_purposes":
		return orderSuperset, false, true
	case "data_storage.encryption.key_rotation_days", "data_storage.retention.max_days":
		return orderAtMost, false, true
	case "data_storage.encryption.algorithm", "data_storage.retention.deletion_policy":
		return orderEqual, false, true
	case "data_storage.location_restrictions.allowed_regions":
		return orderSubset, false, true
	}
	right, ofRight := strings.CutPrefix(path, "data_subject_rights.right_to_")
	if !ofRight {
		return "", false, false
	}
	switch _, name, _ := strings.Cut(right, "."); name {
	case "enabled":
		return orderOn, false, true
	case "response_time_hours":
		return orderAtMost, false, true
	case "format":
		return orderEqual, false, true
	}
	return "", false, false
}

// narrows reports whether a profile's value of a parameter refuses all that
// its base's refuses. base is nil where the base's rule does without the
// parameter. known is false where nobody can tell: then it does not count as
// narrower.
func narrows(path string, base, profile any) (ok, known bool) {
	o, openWithout, known := parameterOrder(path)
	if base == nil {
		return openWithout, known && openWithout
	}
	if same(base, profile) {
		return true, true
	}
	switch o {
	case orderSubset:
		return len(missing(profile, base)) == 0, true
	case orderSuperset:
		return len(missing(base, profile)) == 0, true
	case orderAtMost, orderAtLeast:
		b, isNumber := toFloat(base)
		p, too := toFloat(profile)
		if !isNumber || !too {
			return false, true
		}
		return (o == orderAtMost && p <= b) || (o == orderAtLeast && p >= b), true
	case orderOn:
		return profile == true, true
	case orderEqual:
		return false, true
	}
	return false, known
}

// same compares values as they are read from YAML.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// missing returns the elements of list that are not in other.
func missing(list, other any) []any {
	var out []any
	have, _ := other.([]any)
	wanted, _ := list.([]any)
	for _, v := range wanted {
		if !slices.ContainsFunc(have, func(h any) bool { return same(h, v) }) {
			out = append(out, v)
		}
	}
	return out
}

func toFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// explainOrder says why a value does not narrow, and what would.
func explainOrder(path string, base, profile any) (reason, remedy string) {
	const keep = "leave it out to keep the base's value"
	o, _, known := parameterOrder(path)
	switch {
	case !known || base == nil:
		return "nobody can tell whether that is narrower", keep
	case o == orderSubset:
		return "a profile may only leave out, and adds " + show(missing(profile, base)), keep + ", or list some of it"
	case o == orderSuperset:
		return "a profile may only add, and leaves out " + show(missing(base, profile)), keep + ", or list all of it and more"
	case o == orderAtMost:
		return "a profile may only lower it", keep + ", or write at most " + show(base)
	case o == orderAtLeast:
		return "a profile may only raise it", keep + ", or write at least " + show(base)
	case o == orderOn:
		return "a profile may not switch it off", keep
	}
	return "a profile must keep it", keep
}
