package main

import (
	"context"
	"errors"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func lock(ctx context.Context, c *clientv3.Client) error {
	one, err := concurrency.NewSession(c, concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer one.Close()
	other, err := concurrency.NewSession(c, concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer other.Close()
	holder, waiter := concurrency.NewMutex(one, "mutex"), concurrency.NewMutex(other, "mutex")
	if err := holder.Lock(ctx); err != nil {
		return err
	}
	held := waiter.TryLock(ctx)
	waiting := make(chan error, 1)
	go func() { waiting <- waiter.Lock(ctx) }()
	queued := until("the second in the queue", func() bool {
		found, err := c.Get(ctx, "mutex/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		return err == nil && found.Count == 2
	})
	isEarly := len(waiting) > 0
	// A session that ends gives up what it holds.
	if err := errors.Join(queued, one.Close(), <-waiting, waiter.Unlock(ctx)); err != nil {
		return err
	}
	return errors.Join(
		equal("a lock that another holds", held, concurrency.ErrLocked),
		equal("both have the lock", isEarly, false),
		count(ctx, c),
	)
}

// count increments in two steps, read and write, which is right only under a lock.
func count(ctx context.Context, c *clientv3.Client) error {
	if _, err := c.Put(ctx, "counter", "0"); err != nil {
		return err
	}
	contend := func() error {
		session, err := concurrency.NewSession(c, concurrency.WithTTL(10))
		if err != nil {
			return err
		}
		defer session.Close()
		for range 5 {
			mutex := concurrency.NewMutex(session, "mutex")
			if err := errors.Join(mutex.Lock(ctx), increment(ctx, c), mutex.Unlock(ctx)); err != nil {
				return err
			}
		}
		return nil
	}
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- contend() }()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		return err
	}
	found, err := c.Get(ctx, "counter")
	if err != nil {
		return err
	}
	return equal("the counter", pairs(found), []string{"counter=10"})
}

func increment(ctx context.Context, c *clientv3.Client) error {
	found, err := c.Get(ctx, "counter")
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(string(found.Kvs[0].Value))
	if err != nil {
		return err
	}
	_, err = c.Put(ctx, "counter", strconv.Itoa(count+1))
	return err
}

func election(ctx context.Context, c *clientv3.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var sessions [2]*concurrency.Session
	var candidates [2]*concurrency.Election
	for i := range candidates {
		session, err := concurrency.NewSession(c, concurrency.WithTTL(10))
		if err != nil {
			return err
		}
		defer session.Close()
		sessions[i], candidates[i] = session, concurrency.NewElection(session, "office")
	}
	if err := candidates[0].Campaign(ctx, "first"); err != nil {
		return err
	}
	leader, err := candidates[1].Leader(ctx)
	if err != nil {
		return err
	}
	observed := concurrency.NewElection(sessions[1], "office").Observe(ctx)
	seen := valueOf(<-observed)
	elected := make(chan error, 1)
	go func() { elected <- candidates[1].Campaign(ctx, "second") }()
	queued := until("the second candidate", func() bool {
		found, err := c.Get(ctx, "office/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		return err == nil && found.Count == 2
	})
	isEarly := len(elected) > 0
	proclaimed := candidates[0].Proclaim(ctx, "first again")
	again := valueOf(<-observed)
	if err := errors.Join(queued, proclaimed, candidates[0].Resign(ctx), <-elected); err != nil {
		return err
	}
	return errors.Join(
		equal("the leader", valueOf(*leader), "first"),
		equal("what an observer sees", []string{seen, again, valueOf(<-observed)}, []string{"first", "first again", "second"}),
		equal("both lead", isEarly, false),
		candidates[1].Resign(ctx),
	)
}

// valueOf is the value of the leader's key.
func valueOf(leader clientv3.GetResponse) string {
	if len(leader.Kvs) == 0 {
		return "nobody"
	}
	return string(leader.Kvs[0].Value)
}
