package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
)

const (
	// A question is asked so often where the API is too busy or not there, with so long in between.
	tries = 3
	pause = 500 * time.Millisecond
	// An answer is waited for so long.
	patience = 30 * time.Second
)

// Config is how the API is asked.
type Config struct {
	APIToken          *string `pulumi:"apiToken,optional" provider:"secret"`
	APIKey            *string `pulumi:"apiKey,optional" provider:"secret"`
	APIUserServiceKey *string `pulumi:"apiUserServiceKey,optional" provider:"secret"`
	Email             *string `pulumi:"email,optional"`
	BaseURL           *string `pulumi:"baseUrl,optional"`

	base    string
	headers map[string]string
}

// Annotate describes the settings.
func (c *Config) Annotate(a infer.Annotator) {
	a.Describe(&c.APIToken, "The token; CLOUDFLARE_API_TOKEN by default.")
	a.Describe(&c.APIKey, "A key of the whole account, where there is no token; CLOUDFLARE_API_KEY by default.")
	a.Describe(&c.Email, "Whose key it is; CLOUDFLARE_EMAIL by default.")
	a.Describe(&c.APIUserServiceKey, "A key of yet another kind; CLOUDFLARE_API_USER_SERVICE_KEY by default.")
	a.Describe(&c.BaseURL, "Where the API is; CLOUDFLARE_BASE_URL by default, or else Cloudflare's own.")
}

// Configure takes what is not set from the environment, which is no part of the state.
func (c *Config) Configure(context.Context) error {
	value := func(setting *string, variable string) string {
		if setting != nil && *setting != "" {
			return *setting
		}
		return os.Getenv(variable)
	}
	c.base = strings.TrimSuffix(value(c.BaseURL, "CLOUDFLARE_BASE_URL"), "/")
	if c.base == "" {
		c.base = "https://api.cloudflare.com/client/v4"
	}
	token, key := value(c.APIToken, "CLOUDFLARE_API_TOKEN"), value(c.APIKey, "CLOUDFLARE_API_KEY")
	switch {
	case token != "":
		c.headers = map[string]string{"Authorization": "Bearer " + token}
	case key != "":
		c.headers = map[string]string{"X-Auth-Key": key, "X-Auth-Email": value(c.Email, "CLOUDFLARE_EMAIL")}
	default:
		c.headers = map[string]string{
			"X-Auth-User-Service-Key": value(c.APIUserServiceKey, "CLOUDFLARE_API_USER_SERVICE_KEY")}
	}
	return nil
}

// refusal is an answer of the API that is none of success.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// ask sends the record to the API, or nothing, and returns the one that it answers with.
func (c Config) ask(ctx context.Context, method, path string, record *RecordArgs) (answer, error) {
	var body []byte
	if record != nil {
		var err error
		if body, err = json.Marshal(record); err != nil {
			return answer{}, err
		}
	}
	for try := 1; ; try++ {
		said, err := c.once(ctx, method, c.base+path, body)
		if err == nil {
			var result struct{ Result answer }
			if err := json.Unmarshal(said, &result); err != nil {
				return answer{}, fmt.Errorf("failed to deserialize http request: %w", err)
			}
			return result.Result, nil
		}
		if try == tries || !passes(err) {
			return answer{}, fmt.Errorf("failed to make http request: %w", err)
		}
		select {
		case <-ctx.Done():
			return answer{}, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// passes: is it an error that another try may not meet?
func passes(err error) bool {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.status == http.StatusTooManyRequests || refused.status >= 500
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// once asks, and reads the answer. No error of it tells a header, which has the token.
func (c Config) once(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range c.headers {
		request.Header.Set(name, value)
	}
	response, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, &refusal{response.StatusCode,
			fmt.Sprintf("%s %q: %s %s", method, request.URL.Redacted(), response.Status, bytes.TrimSpace(said))}
	}
	return said, nil
}
