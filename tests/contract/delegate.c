/* A delegate of our own, for tests: it takes FULLY_CONNECTED operators in float, and computes them.
 *
 * Options: "nodes" names those to take by their place in the model, as "0,2", or "none"; else all are. With "broken" it
 * fails at any model. A "device" is refused, as by a delegate whose accelerator is not plugged in. Declared here are TensorFlow Lite's structures
 * (c/common.h) as far as they are used; a new release only ever adds to their ends.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, ERROR = 1, FULLY_CONNECTED = 9, RELU = 1, MOST = 64 };

typedef struct { int size; int data[]; } Ints;
typedef struct {
  int type;
  float *data;
  Ints *dims;
  float scale;
  int zero, allocation;
  size_t bytes;
  const void *mapped, *name, *delegate;
  int handle;
  char stale, variable;
  struct { int type; void *values; } quantization;
  void *sparsity, *signature;
} Tensor;
typedef struct { Ints *inputs, *outputs, *intermediates, *temporaries; void *user_data; int *builtin_data; } Node;
typedef struct Delegate Delegate;
typedef struct Context Context;
typedef struct { Delegate *delegate; Ints *nodes, *inputs, *outputs; } Part;

typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, Node *);
  int (*invoke)(Context *, Node *);
  const char *(*profiling_string)(const Context *, const Node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *later[3];
} Registration;

struct Context {
  size_t tensors_size;
  int (*plan)(Context *, Ints **);
  Tensor *tensors;
  void *impl;
  int (*resize)(Context *, void *, Ints *);
  void (*report)(Context *, const char *, ...);
  int (*add_tensors)(Context *, int, int *);
  int (*node_of)(Context *, int, Node **, Registration **);
  int (*replace)(Context *, Registration, const Ints *, Delegate *);
};

struct Delegate {
  void *data;
  int (*prepare)(Context *, Delegate *);
  void *buffers[3];
  int64_t flags;
  void *opaque;
  const char *nodes;
  int broken;
};

/* What one partition runs: its operators, and room for the values that only it sees. */
typedef struct { int size; Node nodes[MOST]; float *room[MOST]; } Kernel;

static int holds(const Ints *all, int one) {
  for (int i = 0; i < all->size; i++)
    if (all->data[i] == one) return 1;
  return 0;
}

static void *start(Context *context, const char *buffer, size_t length) {
  const Part *part = (const Part *)buffer;
  Kernel *kernel = calloc(1, sizeof(Kernel));
  (void)length;
  for (int i = 0; i < part->nodes->size && i < MOST; i++) {
    Node *node;
    Registration *registration;
    context->node_of(context, part->nodes->data[i], &node, &registration);
    kernel->nodes[kernel->size++] = *node;
    int made = node->outputs->data[0];
    if (!holds(part->outputs, made)) kernel->room[made] = malloc(context->tensors[made].bytes);
  }
  return kernel;
}

static void finish(Context *context, void *data) {
  (void)context;
  for (int i = 0; i < MOST; i++) free(((Kernel *)data)->room[i]);
  free(data);
}

static int nothing_to_prepare(Context *context, Node *node) { (void)context, (void)node; return OK; }

static float *values(Context *context, const Kernel *kernel, int tensor) {
  return kernel->room[tensor] ? kernel->room[tensor] : context->tensors[tensor].data;
}

static int run(Context *context, Node *node) {
  const Kernel *kernel = node->user_data;
  for (int i = 0; i < kernel->size; i++) {
    const Node *one = &kernel->nodes[i];
    const int *in = one->inputs->data;
    const Ints *shape = context->tensors[in[1]].dims;
    const float *x = values(context, kernel, in[0]), *w = values(context, kernel, in[1]);
    const float *bias = values(context, kernel, in[2]);
    float *y = values(context, kernel, one->outputs->data[0]);
    for (int row = 0; row < shape->data[0]; row++) {
      y[row] = bias[row];
      for (int column = 0; column < shape->data[1]; column++) y[row] += w[row * shape->data[1] + column] * x[column];
      if (*one->builtin_data == RELU && y[row] < 0) y[row] = 0;
    }
  }
  return OK;
}

static int wanted(const char *nodes, int one) {
  char text[256], *rest = text, *name;
  if (nodes == NULL) return 1;
  snprintf(text, sizeof(text), "%s", nodes);
  while ((name = strsep(&rest, ",")) != NULL)
    if (strcmp(name, "none") != 0 && atoi(name) == one) return 1;
  return 0;
}

static int take(Context *context, Delegate *delegate) {
  Registration kernel = {.init = start, .free = finish, .prepare = nothing_to_prepare, .invoke = run,
                         .custom_name = "OurDelegate", .version = 1};
  Ints *plan, *taken;
  if (delegate->broken || context->plan(context, &plan) != OK) return ERROR;
  taken = calloc(1, sizeof(Ints) + plan->size * sizeof(int));
  for (int i = 0; i < plan->size; i++) {
    Node *node;
    Registration *registration;
    if (context->node_of(context, plan->data[i], &node, &registration) != OK) return ERROR;
    if (registration->builtin_code == FULLY_CONNECTED && wanted(delegate->nodes, plan->data[i]))
      taken->data[taken->size++] = plan->data[i];
  }
  int status = context->replace(context, kernel, taken, delegate);
  free(taken);
  return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **named, size_t count, void (*report)(const char *)) {
  Delegate *delegate = calloc(1, sizeof(Delegate));
  delegate->prepare = take;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(keys[i], "nodes") == 0) delegate->nodes = strdup(named[i]);
    if (strcmp(keys[i], "broken") == 0) delegate->broken = 1;
    if (strcmp(keys[i], "device") == 0) {
      report("no such device is plugged in");
      return NULL;
    }
  }
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
