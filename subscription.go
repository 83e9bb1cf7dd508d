package mesh

import (
	"regexp"
	"strings"
)

// SelectorKind says how a [Subscription] chooses among the versions of its
// bundle.
type SelectorKind int

// The kinds of selector.
const (
	SelectLatest  SelectorKind = iota // highest version that is neither yanked nor a pre-release
	SelectRange                       // highest such version within a semantic version range
	SelectChannel                     // what the moving tag of that name points to
	SelectDigest                      // exactly this content
)

// Subscription says which release of a bundle a runtime wants to enforce:
// "[namespace/]name[@range | @channel | @sha256:…]". Without a namespace it
// means [OfficialNamespace], without a selector the latest release.
type Subscription struct {
	Bundle   BundleRef
	Selector string // without the @; empty means latest
}

var channelSyntax = regexp.MustCompile(`^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$`)

// rangeStart holds every character a semantic version range can begin with.
const rangeStart = "0123456789^~<>=!*"

// ParseSubscription reads the form described at [Subscription]. It checks the
// syntax of digests and channels; the syntax of a range is checked by whoever
// resolves it.
func ParseSubscription(s string) (Subscription, error) {
	name, selector, found := strings.Cut(s, "@")
	if !strings.Contains(name, "/") {
		name = string(OfficialNamespace) + "/" + name
	}
	ref, err := ParseBundleRef(name)
	if err != nil {
		return Subscription{}, err
	}
	if found && selector == "" {
		return Subscription{}, Errorf(CodeInvalid, "subscription %q ends with @", s).WithHint("leave the @ away for the latest release, or add a range, a channel or a digest")
	}
	sub := Subscription{Bundle: ref, Selector: selector}
	switch sub.Kind() {
	case SelectDigest:
		if _, err := ParseDigest(selector); err != nil {
			return Subscription{}, err
		}
	case SelectChannel:
		if !channelSyntax.MatchString(selector) {
			return Subscription{}, Errorf(CodeInvalid, "subscription %q: %q is neither a range, a channel nor a digest", s, selector).
				WithHint("for example hipaa@^3, hipaa@stable or hipaa@sha256:…")
		}
	}
	return sub, nil
}

// Kind says what the selector is.
func (s Subscription) Kind() SelectorKind {
	switch {
	case s.Selector == "" || s.Selector == "latest":
		return SelectLatest
	case strings.HasPrefix(s.Selector, "sha256:") || strings.HasPrefix(s.Selector, "sha512:"):
		return SelectDigest
	case strings.ContainsRune(rangeStart, rune(s.Selector[0])):
		return SelectRange
	}
	return SelectChannel
}

// String returns the canonical form, always with its namespace.
func (s Subscription) String() string {
	if s.Selector == "" {
		return s.Bundle.String()
	}
	return s.Bundle.String() + "@" + s.Selector
}

// MarshalText writes the canonical form.
func (s Subscription) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [ParseSubscription] reads.
func (s *Subscription) UnmarshalText(text []byte) error {
	parsed, err := ParseSubscription(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
