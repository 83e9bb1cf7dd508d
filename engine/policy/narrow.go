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
	orderOn       order = "on"       // true
	orderOff      order = "off"      // false: the flag allows something
	orderEqual    order = "equal"    // only the same value
	orderSubset   order = "subset"   // the list with fewer elements
	orderSuperset order = "superset" // the list with more elements
	orderAtMost   order = "at-most"  // the lower number
	orderAtLeast  order = "at-least" // the higher number
)

// orderOf returns the order of a parameter by its path below rules; empty for
// one nobody said anything about.
func orderOf(path []string) order {
	switch joined := strings.Join(path, "."); joined {
	case "data_collection.consent_required", "data_collection.purpose_limitation":
		return orderOn
	case "data_collection.valid_purposes", "data_storage.location_restrictions.allowed_regions":
		return orderSubset
	case "data_collection.prohibited_purposes":
		return orderSuperset
	case "data_storage.encryption.key_rotation_days", "data_storage.retention.max_days":
		return orderAtMost
	case "data_storage.encryption.algorithm", "data_storage.retention.deletion_policy":
		return orderEqual
	}
	if len(path) != 3 || path[0] != "data_subject_rights" {
		return ""
	}
	return map[string]order{"enabled": orderOn, "response_time_hours": orderAtMost, "format": orderEqual}[path[2]]
}

// narrows reports whether a profile's value of a parameter refuses all that
// its base's refuses. base is nil where the base leaves the parameter out, which
// demands nothing by it. known is false where nobody can tell: then it does not
// count as narrower.
func narrows(path []string, base, profile any) (ok, known bool) {
	o := orderOf(path)
	switch {
	case base != nil && reflect.DeepEqual(base, profile):
		return true, true
	case o == "":
		return false, false
	case o == orderOff:
		return profile == false, true
	case base == nil:
		return true, true
	}
	switch o {
	case orderOn:
		return profile == true, true
	case orderSubset:
		return len(missing(profile, base)) == 0, true
	case orderSuperset:
		return len(missing(base, profile)) == 0, true
	case orderAtMost, orderAtLeast:
		b, isNumber := toFloat(base)
		p, too := toFloat(profile)
		return isNumber && too && (o == orderAtMost && p <= b || o == orderAtLeast && p >= b), true
	}
	return false, true
}

// missing returns the elements of list that are not in other.
func missing(list, other any) []any {
	var out []any
	have, _ := other.([]any)
	wanted, _ := list.([]any)
	for _, v := range wanted {
		if !slices.Contains(have, v) {
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
func explainOrder(path []string, base, profile any) (reason, remedy string) {
	const keep = "leave it out to keep the base's value"
	switch o := orderOf(path); o {
	case orderOn:
		return "a profile may not switch it off", keep
	case orderOff:
		return "a profile may not switch it on", keep
	case orderSubset:
		return "a profile may only leave out, and adds " + show(missing(profile, base)), keep + ", or list some of it"
	case orderSuperset:
		return "a profile may only add, and leaves out " + show(missing(base, profile)), keep + ", or list all of it and more"
	case orderAtMost:
		return "a profile may only lower it", keep + ", or write at most " + show(base)
	case orderAtLeast:
		return "a profile may only raise it", keep + ", or write at least " + show(base)
	case orderEqual:
		return "a profile must keep it", keep
	}
	return "nobody can tell whether that is narrower", keep
}
