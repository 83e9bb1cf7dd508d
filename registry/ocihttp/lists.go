package ocihttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

// maxReferrersSize bounds the list of referrers in one answer, in bytes: it
// carries their annotations, which have no bound of their own, and clients
// read no more than 4 MiB.
const maxReferrersSize = 3 << 20

// referrersAtATime bounds how many are in memory beyond that.
const referrersAtATime = 16

func isFault(err error, fault *registry.Fault) bool { return errors.Is(err, fault) }

// detached is a context that outlives the client.
func (c *call) detached() context.Context { return context.WithoutCancel(c.ctx()) }

// pageSize reads how many elements the client wants: at most as many as we
// want to give, which is also what it gets if it does not say.
func (c *call) pageSize() (int, error) {
	s := c.query.Get("n")
	if s == "" {
		return c.opts.PageSize, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, mesh.Errorf(mesh.CodeInvalid, "n is %.20q, not a number of elements", s)
	}
	return min(n, c.opts.PageSize), nil
}

// next links to the rest of a list (RFC 5988, as in "Listing Tags").
func (c *call) next(last string, more url.Values) {
	q := url.Values{"last": {last}}
	for k, v := range more {
		q[k] = v
	}
	if n := c.query.Get("n"); n != "" {
		q.Set("n", n)
	}
	c.w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, c.r.URL.EscapedPath(), q.Encode()))
}

func (c *call) writeJSON(contentType string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing a list: %w", err)
	}
	c.w.Header().Set("Content-Type", contentType)
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // the client has gone: nobody is left to tell
	}
	return nil
}

func (c *call) listTags() error {
	n, err := c.pageSize()
	if err != nil {
		return err
	}
	// One more than wanted, to know whether there is more.
	list, err := c.store.Tags(c.ctx(), c.repo, registry.Tag(c.query.Get("last")), n+1)
	if err != nil {
		return err
	}
	names := make([]registry.Tag, 0, len(list))
	for _, t := range list[:min(n, len(list))] {
		names = append(names, t.Tag)
	}
	if len(list) > n && n > 0 {
		c.next(string(names[n-1]), nil)
	}
	return c.writeJSON("application/json", struct {
		Name registry.Name  `json:"name"`
		Tags []registry.Tag `json:"tags"`
	}{c.repo, names})
}

func (c *call) listRepositories() error {
	n, err := c.pageSize()
	if err != nil {
		return err
	}
	list, err := c.store.Repositories(c.ctx(), registry.Name(c.query.Get("last")), n+1)
	if err != nil {
		return err
	}
	if len(list) > n {
		list = list[:n]
		if n > 0 {
			c.next(string(list[n-1]), nil)
		}
	}
	return c.writeJSON("application/json", struct {
		Repositories []registry.Name `json:"repositories"`
	}{list})
}

func (c *call) listReferrers() error {
	artifactType := c.query.Get("artifactType")
	list, more, err := c.referrersPage(artifactType)
	if err != nil {
		return err
	}
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: make([]ocispec.Descriptor, 0, len(list)),
	}
	for _, m := range list {
		index.Manifests = append(index.Manifests, ocispec.Descriptor{
			MediaType: m.MediaType, ArtifactType: m.ArtifactType,
			Digest: digest.Digest(m.Digest), Size: m.Size, Annotations: m.Annotations,
		})
	}
	filter := url.Values{}
	if artifactType != "" {
		filter.Set("artifactType", artifactType)
		c.w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	if more {
		c.next(string(list[len(list)-1].Digest), filter)
	}
	return c.writeJSON(ocispec.MediaTypeImageIndex, index)
}

// referrersPage returns the referrers of one answer, at least one if there
// are any, and whether more follow. It asks for a few at a time, or a request
// could make us hold a whole page of the largest manifests.
func (c *call) referrersPage(artifactType string) (page []registry.ManifestInfo, more bool, err error) {
	last := mesh.Digest(c.query.Get("last"))
	for size := 0; ; {
		list, err := c.store.Referrers(c.ctx(), c.repo, c.digest, artifactType, last, referrersAtATime)
		if err != nil {
			return nil, false, err
		}
		for _, m := range list {
			size += sizeOf(m)
			if len(page) == c.opts.PageSize || (len(page) > 0 && size > maxReferrersSize) {
				return page, true, nil
			}
			page = append(page, m)
		}
		if len(list) < referrersAtATime {
			return page, false, nil
		}
		last = list[len(list)-1].Digest
	}
}

// descriptorOverhead is more than the fixed parts of a descriptor take as
// JSON.
const descriptorOverhead = 512

// sizeOf estimates what a referrer adds to the answer, from above: JSON
// writes at most six bytes for one.
func sizeOf(m registry.ManifestInfo) int {
	size := descriptorOverhead
	for k, v := range m.Annotations {
		size += 6*(len(k)+len(v)) + 6
	}
	return size
}
