package ocihttp

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

// maxTagsPerPush bounds how many tags one push sets.
const maxTagsPerPush = 20

func (c *call) getManifest() error {
	if c.r.Method == http.MethodHead {
		return c.headManifest()
	}
	m, err := c.store.Manifest(c.ctx(), c.repo, c.ref)
	if err != nil {
		return err
	}
	c.describe(m.Digest, m.MediaType)
	// A tag moves: the time of the manifest says nothing about it, the ETag
	// does.
	http.ServeContent(c.w, c.r, "", noTime, bytes.NewReader(m.Body))
	return nil
}

// headManifest spares the database the bytes.
func (c *call) headManifest() error {
	m, err := c.store.StatManifest(c.ctx(), c.repo, c.ref)
	if err != nil {
		return err
	}
	c.describe(m.Digest, m.MediaType)
	if slices.Contains(etags(c.r.Header.Get("If-None-Match")), string(m.Digest)) {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	c.w.Header().Set("Content-Length", strconv.FormatInt(m.Size, 10))
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// describe sets the headers that say what the body is.
func (c *call) describe(digest mesh.Digest, mediaType string) {
	h := c.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Docker-Content-Digest", string(digest))
	h.Set("ETag", `"`+string(digest)+`"`)
}

func (c *call) putManifest() error {
	push := registry.Push{MediaType: c.r.Header.Get("Content-Type")}
	var err error
	if push.Digest, push.Tags, err = c.pushTarget(); err != nil {
		return err
	}
	if push.Condition, err = condition(c.r.Header); err != nil {
		return err
	}
	if push.Body, err = c.readManifest(); err != nil {
		return err
	}
	event, err := c.store.PushManifest(c.ctx(), c.repo, push)
	if err != nil {
		return err
	}
	c.announce(event)
	h := c.w.Header()
	if event.Subject != "" {
		h.Set("OCI-Subject", string(event.Subject)) // "Pushing Manifests with Subject"
	}
	for _, tag := range push.Tags {
		h.Add("OCI-Tag", string(tag))
	}
	c.created("/manifests/", event.Digest)
	return nil
}

// pushTarget reads which digest and tags a push is for: the reference in the
// path, and the one of the other kind in the query.
func (c *call) pushTarget() (mesh.Digest, []registry.Tag, error) {
	if c.ref.Digest == "" {
		want := c.query.Get("digest")
		if want == "" {
			return "", []registry.Tag{c.ref.Tag}, nil
		}
		digest, err := registry.ParseDigest(want)
		return digest, []registry.Tag{c.ref.Tag}, err
	}
	names := c.query["tag"]
	if len(names) > maxTagsPerPush {
		return "", nil, registry.ErrTagInvalid.With("%d tags at once, at most %d are taken", len(names), maxTagsPerPush)
	}
	tags := make([]registry.Tag, 0, len(names))
	for _, name := range names {
		tag, err := registry.ParseTag(name)
		if err != nil {
			return "", nil, err
		}
		tags = append(tags, tag)
	}
	return c.ref.Digest, tags, nil
}

// condition reads the compare-and-set of a moving tag: If-None-Match: * for a
// tag that must not exist, If-Match: "digest" for what it must mean (RFC 9110,
// section 13.1).
func condition(h http.Header) (registry.Condition, error) {
	none, match := h.Get("If-None-Match"), h.Get("If-Match")
	var cond registry.Condition
	switch {
	case none == "" && match == "":
		return cond, nil
	case none == "*" && match == "":
		return registry.Condition{Absent: true}, nil
	case none != "":
		return cond, registry.ErrManifestInvalid.With("If-None-Match can only be * in a push")
	}
	tags := etags(match)
	if len(tags) != 1 {
		return cond, registry.ErrManifestInvalid.With("If-Match must be one digest in quotes, as the ETag of a manifest is")
	}
	digest, err := registry.ParseDigest(tags[0])
	return registry.Condition{Match: digest}, err
}

// etags reads a list of entity tags. Digests have no commas, so those that do
// are not ours and need not survive.
func etags(header string) []string {
	var tags []string
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if len(part) >= 2 && part[0] == '"' && part[len(part)-1] == '"' {
			tags = append(tags, part[1:len(part)-1])
		}
	}
	return tags
}

// maxDrained is how much of a manifest over the limit is read to its end: a
// client that sends before it listens would see a reset connection otherwise,
// not the reason.
const maxDrained = 32 << 20

func (c *call) readManifest() ([]byte, error) {
	tooLarge := registry.ErrTooLarge.With("the manifest is larger than %d MiB", registry.MaxManifestSize>>20).
		WithHint("put the content into layers; a manifest only lists them")
	if c.r.ContentLength > maxDrained {
		return nil, tooLarge
	}
	from := c.body()
	body, err := io.ReadAll(io.LimitReader(from, registry.MaxManifestSize+1))
	if err != nil {
		return nil, registry.ErrManifestInvalid.With("the manifest broke off: %v", err)
	}
	if len(body) > registry.MaxManifestSize {
		_, _ = io.CopyN(io.Discard, from, maxDrained) // whatever comes of it, the manifest is refused
		return nil, tooLarge
	}
	return body, nil
}

func (c *call) deleteManifest() error {
	var event *registry.Event
	var err error
	if c.ref.Digest != "" {
		event, err = c.store.DeleteManifest(c.ctx(), c.repo, c.ref.Digest)
	} else {
		event, err = c.store.DeleteTag(c.ctx(), c.repo, c.ref.Tag)
	}
	if err != nil {
		return err
	}
	c.announce(event)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}
