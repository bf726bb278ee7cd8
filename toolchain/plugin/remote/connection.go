// Package remote has the resources that reach a host by ssh.
package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Defaults of the official plugin.
const (
	defaultUser           = "root"
	defaultPort           = 22
	defaultDialErrorLimit = 10
	defaultPerDialTimeout = 15 // seconds
)

const (
	// The pause after a failed dial: from 0.1 s, half as much again each time, to 5 s, as in the official plugin.
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
	// A host that has not answered for so many intervals is dead: a command on it ends after a minute,
	// and not after the quarter of an hour that TCP goes on trying.
	keepaliveInterval = 15 * time.Second
	keepaliveMisses   = 4
)

// Connection says how to reach a host.
type Connection struct {
	endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// ProxyConnection says how to reach the jump host on the way there.
type ProxyConnection struct{ endpoint }

type endpoint struct {
	Host               string   `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional" provider:"secret"`
	PrivateKey         *string  `pulumi:"privateKey,optional" provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
}

// Annotate describes the inputs and sets their defaults.
func (c *Connection) Annotate(a infer.Annotator) {
	a.Describe(&c, "How to reach a host by ssh.")
	a.Describe(&c.Proxy, "The jump host to go through.")
	c.endpoint.annotate(a)
}

// Annotate describes the inputs and sets their defaults.
func (c *ProxyConnection) Annotate(a infer.Annotator) {
	a.Describe(&c, "How to reach the jump host.")
	c.endpoint.annotate(a)
}

func (e *endpoint) annotate(a infer.Annotator) {
	a.Describe(&e.Host, "The host's name or address.")
	a.Describe(&e.Port, "Its port; 22 by default.")
	a.Describe(&e.User, "The user to log in as; root by default.")
	a.Describe(&e.Password, "That user's password.")
	a.Describe(&e.PrivateKey, "The contents of a private key; tried before the password.")
	a.Describe(&e.PrivateKeyPassword, "The passphrase of the private key.")
	a.Describe(&e.AgentSocketPath, "The socket of an ssh agent, asked where there is no privateKey; $SSH_AUTH_SOCK by default.")
	a.Describe(&e.HostKey, "The host's public key. Left out, any host is believed.")
	a.Describe(&e.DialErrorLimit, "How many failed dials are tried again; 10 by default, -1 is no limit.")
	a.Describe(&e.PerDialTimeout, "The seconds that one dial may take; 15 by default, 0 is no limit.")
	a.SetDefault(&e.Port, defaultPort)
	a.SetDefault(&e.User, defaultUser)
	a.SetDefault(&e.DialErrorLimit, defaultDialErrorLimit)
	a.SetDefault(&e.PerDialTimeout, defaultPerDialTimeout)
}

// orDefault is there because a delete gets its connection from the state, to which no defaults are applied.
func orDefault[T any](value *T, fallback T) T {
	if value == nil {
		return fallback
	}
	return *value
}

func (e *endpoint) address() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(orDefault(e.Port, defaultPort))))
}

// client is an open connection, with the one to the jump host that carries it.
type client struct {
	*ssh.Client
	address string
	proxy   *ssh.Client
}

func (c *client) close() {
	_ = c.Client.Close()
	if c.proxy != nil {
		_ = c.proxy.Close()
	}
}

// open is a connection for as long as ctx lasts; a host that does not answer any more is told by `lost`. Without its
// connection a command gets no more input, and its next output kills it.
func (c *Connection) open(ctx context.Context, lost func(error)) (*client, error) {
	host, err := c.dial(ctx)
	if err == nil {
		context.AfterFunc(ctx, host.close)
		go watch(ctx, host.ask, keepaliveInterval, lost)
	}
	return host, err
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// dial opens the connection. It ends with ctx.
func (c *Connection) dial(ctx context.Context) (*client, error) {
	if c.Proxy == nil {
		ssh, err := c.connect(ctx, (&net.Dialer{}).DialContext)
		if err != nil {
			return nil, err
		}
		return &client{Client: ssh, address: c.address()}, nil
	}
	proxy, err := c.Proxy.connect(ctx, (&net.Dialer{}).DialContext)
	if err != nil {
		return nil, fmt.Errorf("jump host %w", err)
	}
	ssh, err := c.connect(ctx, proxy.DialContext)
	if err != nil {
		_ = proxy.Close()
		return nil, fmt.Errorf("through the jump host %s: %w", c.Proxy.address(), err)
	}
	return &client{Client: ssh, address: c.address(), proxy: proxy}, nil
}

// connect dials until it works, the limit is reached, or it is clear that the next dial must fail too.
func (e *endpoint) connect(ctx context.Context, dial dialer) (*ssh.Client, error) {
	config, release, err := e.clientConfig()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.address(), err)
	}
	defer release()
	limit := orDefault(e.DialErrorLimit, defaultDialErrorLimit)
	for failed, pause := 1, firstPause; ; failed, pause = failed+1, min(pause*3/2, maxPause) {
		ssh, err := e.connectOnce(ctx, dial, config)
		switch {
		case err == nil:
			return ssh, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", e.address(), context.Cause(ctx))
		case isFinal(err):
			return nil, fmt.Errorf("%s as %s: %w", e.address(), config.User, err)
		case limit >= 0 && failed > limit:
			return nil, fmt.Errorf("%s: no connection after %d dials: %w", e.address(), failed, err)
		}
		p.GetLogger(ctx).InfoStatusf("%s: dial %d failed, trying again: %v", e.address(), failed, err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// connectOnce dials and logs in, all within perDialTimeout: a host that takes the connection and then
// says nothing must not hold us for ever.
func (e *endpoint) connectOnce(ctx context.Context, dial dialer, config *ssh.ClientConfig) (*ssh.Client, error) {
	if seconds := orDefault(e.PerDialTimeout, defaultPerDialTimeout); seconds > 0 {
		var cancel context.CancelFunc
		cause := fmt.Errorf("no answer within %d s", seconds)
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(seconds)*time.Second, cause)
		defer cancel()
	}
	conn, err := dial(ctx, "tcp", e.address())
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	// Closing is the one way to stop a handshake that goes through a jump host: such a connection has no deadlines.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	sshConn, channels, requests, err := ssh.NewClientConn(conn, e.address(), config)
	if !stop() {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return ssh.NewClient(sshConn, channels, requests), nil
}

// isFinal tells the errors that no further dial can cure.
func isFinal(err error) bool {
	var mismatch *hostKeyError
	var negotiation *ssh.AlgorithmNegotiationError
	return errors.As(err, &mismatch) || errors.As(err, &negotiation) ||
		// The library has no type for it.
		strings.Contains(err.Error(), "unable to authenticate")
}

// clientConfig also returns what lets go of the agent; call it when logged in.
func (e *endpoint) clientConfig() (*ssh.ClientConfig, func(), error) {
	config := &ssh.ClientConfig{User: orDefault(e.User, defaultUser), HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	if e.HostKey != nil {
		if err := pinHostKey(config, *e.HostKey); err != nil {
			return nil, nil, err
		}
	}
	if e.PrivateKey != nil {
		key, err := parsePrivateKey(*e.PrivateKey, e.PrivateKeyPassword)
		if err != nil {
			return nil, nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(key))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				return slices.Repeat([]string{*e.Password}, len(questions)), nil
			}))
	}
	path := orDefault(e.AgentSocketPath, os.Getenv("SSH_AUTH_SOCK"))
	if path == "" {
		return config, func() {}, nil
	}
	// It must be there even beside a private key, after which it is never asked: the library tries each method once.
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, nil, fmt.Errorf("the ssh agent: %w", err)
	}
	config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	return config, func() { _ = conn.Close() }, nil
}

func parsePrivateKey(key string, passphrase *string) (ssh.Signer, error) {
	if passphrase != nil {
		signer, err := ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(*passphrase))
		if err != nil {
			return nil, fmt.Errorf("privateKey, with privateKeyPassword: %w", err)
		}
		return signer, nil
	}
	signer, err := ssh.ParsePrivateKey([]byte(key))
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		return nil, errors.New("privateKey is protected by a passphrase: set privateKeyPassword")
	}
	if err != nil {
		return nil, fmt.Errorf("privateKey: %w", err)
	}
	return signer, nil
}

// hostKeyError is a host that is not the one meant.
type hostKeyError struct{ want, got ssh.PublicKey }

func (e *hostKeyError) Error() string {
	return fmt.Sprintf("the host shows another key than hostKey: it shows %s %s, expected is %s %s",
		e.got.Type(), ssh.FingerprintSHA256(e.got), e.want.Type(), ssh.FingerprintSHA256(e.want))
}

// pinHostKey accepts that one key, and asks the host for a key of that type.
func pinHostKey(config *ssh.ClientConfig, text string) error {
	want, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil {
		return fmt.Errorf(`hostKey must be one public key such as "ssh-ed25519 AAAA...": %w`, err)
	}
	// For an RSA key this means a signature by SHA-1, which servers of today do not give.
	config.HostKeyAlgorithms = []string{want.Type()}
	config.HostKeyCallback = func(_ string, _ net.Addr, got ssh.PublicKey) error {
		if !bytes.Equal(got.Marshal(), want.Marshal()) {
			return &hostKeyError{want: want, got: got}
		}
		return nil
	}
	return nil
}

// ask puts a question to which any answer will do: hosts refuse a request that they do not know.
func (c *client) ask() error {
	_, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
	return err
}

// watch asks again and again, and calls lost when there has been no answer for keepaliveMisses intervals.
// It ends with ctx.
func watch(ctx context.Context, ask func() error, interval time.Duration, lost func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		answered := make(chan struct{})
		go func() {
			if ask() == nil {
				close(answered)
			}
		}()
		for misses := 0; ; misses++ {
			if misses == keepaliveMisses {
				lost(fmt.Errorf("the host has not answered for %v", interval*keepaliveMisses))
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			select {
			case <-answered:
			default:
				continue
			}
			break
		}
	}
}
