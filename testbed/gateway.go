package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
)

// gatewayAPI is the module that carries the definitions of HTTPRoute and its kin.
const gatewayAPI = "sigs.k8s.io/gateway-api@v1.4.0"

// startGateways makes the kinds of the Gateway API known, as clusters that let requests in have them.
func (c *Cluster) startGateways(ctx context.Context) error {
	out, err := output(ctx, "go", "mod", "download", "-json", gatewayAPI)
	if err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &module); err != nil {
		return fmt.Errorf("where %s is: %w", gatewayAPI, err)
	}
	return c.apply(ctx, filepath.Join(module.Dir, "config", "crd", "standard"))
}
