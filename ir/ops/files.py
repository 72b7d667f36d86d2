"""Which file of this folder each op and composite stands in.

Written by `pytest tests/test_face.py --update-golden` from the registry of ops. A name that is
missing here is found too, by importing all files.
"""

from __future__ import annotations

__all__ = ["FILES"]

_TEXT = """
activations:
    bias_add celu elu gelu hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid mish
    relu6 selu silu softsign
attention:
    attention_pullback blockwise_attention scaled_dot_product_attention
banded:
    banded_triangular_solve eigh_tridiagonal solve_three_diagonals tridiagonal_matmul
    tridiagonal_solve
bands:
    adjoint_of band_part cholesky_solve global_norm logdet normalize tensor_diag
    tensor_diag_part
bessel:
    bessel_i0 bessel_i0e bessel_i1 bessel_i1e bessel_i2 bessel_i2e bessel_j0 bessel_j1
    bessel_j2 bessel_k0 bessel_k0e bessel_k1 bessel_k1e bessel_y0 bessel_y1 dawsn expint
    fresnel_cos fresnel_sin spence
bits:
    bitcast
bitwise:
    bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift
    bitwise_xor
blocks:
    batch_to_space batch_to_space_nd crelu depth_to_space space_to_batch space_to_batch_nd
    space_to_depth
buffers:
    array_position buffer_add buffer_add_at buffer_drop buffer_fill buffer_like buffer_new
    buffer_of buffer_pop buffer_push buffer_read buffer_rows buffer_size buffer_stack
    buffer_unwrite buffer_write
casting:
    cast identity stop_gradient
classes:
    class_number
colours:
    adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation
    convert_image_dtype grayscale_to_rgb hsv_to_rgb per_image_standardization
    rgb_to_grayscale rgb_to_hsv rgb_to_yiq rgb_to_yuv yiq_to_rgb yuv_to_rgb
compare:
    equal greater greater_equal isfinite isinf isnan less less_equal logical_and
    logical_not logical_or logical_xor not_equal signbit
complexes:
    angle complex imag real
contract:
    cross dot matmul matvec outer tensordot vecdot
control:
    cond fail scan switch while
convolution:
    adaptive_avg_pool adaptive_max_pool avg_pool avg_pool1d avg_pool2d avg_pool3d conv1d
    conv2d conv3d depthwise_conv2d max_pool max_pool1d max_pool2d max_pool3d
convolved:
    window_products
counting:
    bincount confusion_matrix digitize histogram histogram_bin_edges
    histogram_fixed_width_bins in_top_k zero_fraction
create:
    arange constant dim empty eye fill full full_like linspace meshgrid ones ones_like
    splat zeros zeros_like
cumulative:
    cumprod cumsum cumulative_prod cumulative_sum linear_recurrence
diagonal_bands:
    diag_part matrix_of_diagonal set_diag
diagonals:
    diag diagonal matrix_diagonal on_diagonal
distributions:
    random_binomial random_gamma random_normal_between random_poisson stateless_beta
    stateless_binomial stateless_choice stateless_gamma
    stateless_parameterized_truncated_normal stateless_poisson
dropping:
    stateless_dropout
einsum:
    einsum
elementwise:
    abs add conjugate copysign divide floor_divide fmod masked_divide masked_multiply
    maximum minimum multiply negative nextafter positive power reciprocal relu remainder
    sign square squared_difference subtract where
exponential:
    cbrt exp exp2 expm1 log log10 log1p log2 logaddexp logit rsqrt sigmoid softplus sqrt
    xlog1py xlogy
factor:
    cholesky eig eig_pair eigh eigh_pair eigvals eigvalsh qr qr_pair svd svd_triple
    svdvals
formulas:
    add_n clip clip_by_norm deg2rad divide_no_nan heaviside is_non_decreasing
    is_strictly_increasing isclose lbeta multiply_no_nan nan_to_num rad2deg
    reciprocal_no_nan scalar_mul truncatediv xdivy
fourier:
    fft fft2 fft_complex fft_half fft_real fftfreq fftn fftshift hfft ifft ifft2 ifftn
    ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftfreq rfftn
gather:
    gather gather_nd scatter_add tensor_scatter_nd_add tensor_scatter_nd_update
images:
    central_crop crop_and_resize crop_to_bounding_box extract_patches flip_left_right
    flip_up_down image_gradients image_transpose pad_to_bounding_box psnr resize
    resize_weights resize_with_crop_or_pad resize_with_pad rot90 sobel_edges ssim
    ssim_multiscale total_variation
incomplete:
    betainc erfcinv igamma igammac ndtri zeta
index:
    boolean_mask getitem setitem
isotonic:
    isotonic_pair isotonic_regression segment_means
joining:
    concat repeat split stack tile unstack
largest:
    first_largest
linear:
    condition_number kron lstsq matrix_norm matrix_power matrix_rank norm slogdet trace
losses:
    embedding_lookup local_response_normalization log_poisson_loss normalize_moments
    sufficient_statistics weighted_moments
masked:
    masked_product
matrix_functions:
    expm logm lu lu_factors lu_matrix_inverse lu_reconstruct lu_solve sqrtm
morphology:
    dilation2d erosion2d max_pool_with_argmax
movement:
    atleast_1d broadcast_to expand_dims flip matrix_transpose moveaxis permute_dims
    reshape roll squeeze swapaxes transpose
neighbours:
    diff isin
nn:
    batch_normalization l2_loss l2_normalize layer_norm log_softmax logsumexp moments
    rms_norm sigmoid_cross_entropy_with_logits softmax softmax_cross_entropy_with_logits
    sparse_softmax_cross_entropy_with_logits weighted_cross_entropy_with_logits
numeric:
    convolve corrcoef correlate cov gradient interp polyval trapezoid
numpy_calls:
    numpy_counted numpy_function
numpy_rules:
    numpy_accumulate numpy_astype numpy_at numpy_bincount numpy_exponents
    numpy_floor_divide numpy_index numpy_place numpy_placed numpy_reduce numpy_reduceat
    numpy_stored numpy_ufunc
overlapped:
    fft3d ifft3d inverse_mdct irfft3d mdct rfft3d sobol_sample
padding:
    pad pad_constant
parameters:
    betainc_derivative igamma_derivative
patches:
    patches patches_grad
quantiles:
    median nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin
    nanpercentile nanprod nanquantile nanstd nansum nanvar percentile quantile
random:
    random_bits random_integers random_next random_normal random_split random_state
    random_truncated_normal random_uniform stateless_bernoulli stateless_categorical
    stateless_fold_in stateless_normal stateless_shuffle stateless_split
    stateless_truncated_normal stateless_uniform
recurrent:
    gru_cell lstm_cell simple_rnn_cell
reduce:
    all any argmax argmin max min prod sum
region:
    call custom fused
rounding:
    ceil floor round trunc
running:
    cummax cummin cumulative_logsumexp log_running_sum
scattering:
    argpartition dynamic_partition dynamic_stitch invert_permutation partition
    put_along_axis reverse_sequence scatter_nd segment_prod segment_product sequence_mask
    tensor_scatter_nd_max tensor_scatter_nd_min tensor_scatter_nd_sub
    unsorted_segment_prod unsorted_segment_sqrt_n
segment:
    histogram_fixed_width segment_max segment_mean segment_min segment_sum
    unsorted_segment_max unsorted_segment_mean unsorted_segment_min unsorted_segment_sum
signals:
    cosines dct frame hamming_window hann_window idct inverse_stft inverse_stft_window
    kaiser_bessel_derived_window kaiser_window linear_to_mel_weight_matrix
    mfccs_from_log_mel_spectrograms overlap_and_add stft vorbis_window
sizes:
    rank shape size
slicing:
    slice slice_grad slice_update strided_slice
solving:
    cofactors det inv pinv slogdet_pair solve triangular_solve
sorting:
    argsort argwhere nonzero one_hot repeat_positions searchsorted sizes_hold sort take
    take_along_axis top_k unique unique_all unique_counts unique_inverse unique_values
    upto where_indices
special:
    digamma erf erfc erfinv lgamma polygamma
state:
    assign draft held read
statistics:
    count_nonzero mean std var vector_norm
suppression:
    combined_non_max_suppression non_max_suppression non_max_suppression_overlaps
    non_max_suppression_padded non_max_suppression_with_scores suppressed
transposed:
    atrous_conv2d atrous_conv2d_transpose conv1d_transpose conv2d_transpose
    conv3d_transpose conv_transpose convolution pool separable_conv2d
triangles:
    tri tril triu
trigonometric:
    acos acosh asin asinh atan atan2 atanh cos cosh hypot one_minus_square
    root_of_square_minus_one sin sinh tan tanh
windows:
    block_update window
"""


def _read() -> dict[str, str]:
    found, file = {}, ""
    for word in _TEXT.split():
        if word.endswith(":"):
            file = word[:-1]
        else:
            found[word] = file
    return found


FILES = _read()
