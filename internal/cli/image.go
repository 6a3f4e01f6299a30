package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/artefact"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/image"
	"example.org/caravan/internal/registry"
)

// serverVariable is the environment variable that names a server, for pipelines.
const serverVariable = "CARAVAN_SERVER"

// fromPipeline takes the server that the environment names, unless the command line says where to work.
func (s *session) fromPipeline() {
	if s.server == "" && s.workspace == "" {
		s.server = os.Getenv(serverVariable)
	}
}

// building are the flags by which an image is made of a release.
type building struct {
	from, base, revision, platform, repository string
}

func (b *building) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&b.from, "from", "", "the release that was built: a folder, .tar, .tar.gz, .tar.zst or .deb")
	f.StringVar(&b.base, "base", "", "image it is laid over, or scratch (default: base under delivery in caravan.yaml)")
	f.StringVar(&b.revision, "revision", "", "commit it was built from, for the label")
	f.StringVar(&b.platform, "platform", "", "of the base, where it has several: linux/amd64, which it is when left out")
	f.StringVar(&b.repository, "repository", "", "where its images are kept (default: the service's below registry under delivery)")
}

// Image is an image that was made, for -o json.
type Image struct {
	Name   string            `json:"name,omitempty"` // by its digest, once it is pushed
	Digest string            `json:"digest"`
	Labels map[string]string `json:"labels"`
	SBOM   int               `json:"sbomBytes"`
}

// build makes the image of a release, and pushes it if that is asked for.
func (s *session) build(ctx context.Context, cl *client.Client, b building, service, version string, push bool) (out Image, err error) {
	plan, err := cl.ImagePlan(ctx, service, version)
	if err != nil {
		return out, err
	}
	spec := plan.Spec
	spec.Base, spec.Revision, spec.Platform = cmp.Or(b.base, spec.Base), b.revision, b.platform
	if spec.Base == "" {
		return out, fault.Newf(fault.Usage, "which base? name an image with --base, or for all services with base under delivery in caravan.yaml; scratch is for programs that need nothing")
	}
	repository := cmp.Or(b.repository, plan.Repository)
	if push && repository == "" {
		return out, fault.Newf(fault.Usage, "where to? write registry under delivery in caravan.yaml, or name the place with --repository")
	}
	a, err := artefact.Open(ctx, b.from, spec.Folder)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	r := registry.New(registry.Options{Insecure: plan.Insecure})
	built, err := r.Build(ctx, spec, a.Files)
	if err != nil {
		return out, err
	}
	out = Image{Digest: string(built.Digest), Labels: built.Labels, SBOM: len(built.SBOM)}
	if push {
		pushed, err := r.Push(ctx, repository, version, built)
		if err != nil {
			return out, err
		}
		out.Name = pushed.Name
	}
	return out, nil
}

func newImage(s *session) *cobra.Command {
	o := &output{}
	var b building
	var version string
	var push bool
	c := &cobra.Command{
		Use:   "image SERVICE",
		Short: "Make an image of a release, without a daemon",
		Long: "Lays a release, as a pipeline built it, over a base image, in the folder the service runs from on machines, and starts it as its workload says. The same release,\n" +
			"base and version give the same digest. Labels name version, base and the release's layer, which machines take out of it; an SBOM is kept beside it.\n" +
			"Who may push is what docker login has written down. Without --push nothing leaves this machine.",
		Example: "  caravan image orders --version 4.19.0 --from build/release --base debian:12-slim\n  caravan image orders --version 4.19.0 --from orders_4.19.0_amd64.deb --push",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if b.from == "" || version == "" {
				return fault.Newf(fault.Usage, "--from and --version are needed: what was built, and what it is called")
			}
			s.fromPipeline()
			return s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
				made, err := s.build(ctx, cl, b, args[0], version, push)
				if err != nil {
					return err
				}
				return o.value(s.terminal, made, func() {
					fmt.Fprintln(s.out, cmp.Or(made.Name, made.Digest))
					s.say("layer %s in %s", made.Labels[image.LabelLayer], made.Labels[image.LabelFolder])
				})
			})(c, args)
		},
		ValidArgsFunction: s.serviceNames,
	}
	o.flags(c)
	b.flags(c)
	c.Flags().StringVar(&version, "version", "", "what it is called: the tag of the image")
	c.Flags().BoolVar(&push, "push", false, "push it to the registry, with its SBOM")
	return c
}
