package remote

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	const interval = 20 * time.Millisecond
	ctx, end := context.WithCancelCause(t.Context())
	asked := 0
	ask := func() error {
		if asked++; asked > 5 {
			<-ctx.Done() // the host is dead
		}
		return nil
	}
	start := time.Now()
	watch(ctx, ask, interval, end)
	if cause := context.Cause(ctx); cause == nil || !strings.Contains(cause.Error(), "not answered for 80ms") {
		t.Errorf("the cause is %v", cause)
	}
	if took := time.Since(start); asked != 6 || took < 8*interval {
		t.Errorf("%d questions in %v", asked, took)
	}

	ctx, end = context.WithCancelCause(t.Context())
	time.AfterFunc(10*interval, func() { end(nil) })
	watch(ctx, func() error { return nil }, interval, func(err error) { t.Errorf("a host that answers: %v", err) })
}
