// Package browsertest gives tests a Chromium.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

// startup is how long a browser may take to come up on a busy machine.
const startup = 2 * time.Minute

// Open starts a Chromium without a window, with a profile of its own, and says how it ends. An
// error says that there is none, or that it does not start.
func Open() (ctx context.Context, end func(), err error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil, err
	}
	profile, err := os.MkdirTemp("", "caravan-chromium-")
	if err != nil {
		return nil, nil, err
	}
	allocated, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.WSURLReadTimeout(startup), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
	)
	ctx, cancel := chromedp.NewContext(allocated)
	end = func() {
		cancel()
		stop()
		_ = os.RemoveAll(profile) // what the browser started may write a last line: what is left in the temporary folder does no harm
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, err
	}
	return ctx, end, nil
}
